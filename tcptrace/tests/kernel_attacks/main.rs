//! Attacks by somebody without privileges on a tracer that has them, played as `nobody`, and withstood.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[path = "../harness/mod.rs"]
#[expect(dead_code, reason = "each file of tests uses its part")]
mod harness;

mod capabilities;
mod files;
mod places;

use std::process::Command;

/// A command line that is run as `nobody`.
fn as_nobody(words: &[&str]) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]).args(words);
    command
}
