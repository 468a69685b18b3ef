//! The sockets that were there before, against the events that came while they were listed.
//!
//! Attach first, list second: then no change can fall between. A socket that has had events by then is told as it was
//! before the first of them, because the list may show it before or after; one whose life began with them is not told
//! at all. So nothing is missed and nothing is told twice.

use std::collections::HashMap;

use super::{begins, is_unfinished};
use crate::{
    address::{Netns, Tuple},
    event::Event,
    process::Owner,
    tcp::TcpState,
};

/// A socket that was found when the trace began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its cookie, where the kernel tells.
    pub cookie: Option<u64>,
    /// Where it lives.
    pub netns: Option<Netns>,
    /// Its two ends.
    pub tuple: Tuple,
    /// Its state.
    pub state: TcpState,
    /// The process that has it open.
    pub owner: Option<Owner>,
}

/// What remains to be told of `found`, given the events that came since the hook was attached, in their order.
#[must_use]
pub fn merge(found: Vec<Found>, since: &[Event]) -> Vec<Found> {
    let mut by_cookie = HashMap::new();
    let mut by_tuple = HashMap::new();
    for event in since.iter().filter(|event| !is_unfinished(event)) {
        match event.cookie {
            Some(cookie) => by_cookie.entry(cookie).or_insert(event),
            None => by_tuple.entry((event.netns, event.tuple)).or_insert(event),
        };
    }
    found
        .into_iter()
        .filter_map(|found| {
            let first = found
                .cookie
                .and_then(|cookie| by_cookie.get(&cookie))
                .or_else(|| by_tuple.get(&(found.netns, found.tuple)));
            match first {
                None => Some(found),
                Some(event) if begins(event) => None,
                Some(event) => Some(Found { state: event.from, ..found }),
            }
        })
        .collect()
}
