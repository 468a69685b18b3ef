//! Events that are missing, and why.

use crate::{named::named, time::Moment};

named! {
    /// Reason why events are missing.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Loss {
        /// The ring buffer was full.
        RingFull => "ring_full",
        /// The kernel skipped the program, because it would have interrupted itself.
        Recursion => "recursion",
        /// The record could not be read.
        Undecodable => "undecodable",
        /// Lines of the recording could not be read.
        Unreadable => "unreadable",
    }
}

/// Events that are missing; of `Unreadable` the lines that may have held events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Moment at which it was noticed.
    pub at: Moment,
    /// Events that are missing since the last such record.
    pub count: u64,
    /// Reason of the loss.
    pub reason: Loss,
}
