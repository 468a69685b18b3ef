//! A socket that is stuck, in words.

use crate::{record::Stuck, tcp::advice};

/// Words about a stuck socket: by which descriptor its owner has it, and what to do about it.
#[must_use]
pub fn describe_stuck(stuck: &Stuck) -> String {
    let least = if stuck.at_least { "at least so long; " } else { "" };
    let fd = stuck.fd.map_or_else(String::new, |fd| format!(" (fd {fd})"));
    format!("{least}{}{fd}", advice(stuck.state))
}
