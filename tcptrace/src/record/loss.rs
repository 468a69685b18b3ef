//! Events that are missing, and why.

use crate::time::Moment;

/// Why events are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// The ring buffer was full.
    RingFull,
    /// The kernel skipped the program, because it would have interrupted itself.
    Recursion,
    /// The record could not be read.
    Undecodable,
    /// Lines of the recording could not be read.
    Unreadable,
}

impl Loss {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::RingFull, Self::Recursion, Self::Undecodable, Self::Unreadable];

    /// The word in records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RingFull => "ring_full",
            Self::Recursion => "recursion",
            Self::Undecodable => "undecodable",
            Self::Unreadable => "unreadable",
        }
    }
}

/// Events that are missing; of `Unreadable` the lines that may have told of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// When it was noticed.
    pub at: Moment,
    /// How many since the last time.
    pub count: u64,
    /// Why.
    pub reason: Loss,
}
