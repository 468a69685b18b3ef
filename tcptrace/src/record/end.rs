//! The end of a trace, in a record: what became of its events.

use crate::time::Moment;

/// The end of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// When.
    pub at: Moment,
    /// What became of the events.
    pub totals: Totals,
    /// Steps among those shown that the state machine does not have: something in between was not seen.
    pub illegal: u64,
}

/// What became of every event: `seen == shown + filtered + lost`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// State changes of TCP sockets while the trace ran.
    pub seen: u64,
    /// Told.
    pub shown: u64,
    /// Turned away by a filter, in the kernel or here.
    pub filtered: u64,
    /// Lost on the way.
    pub lost: u64,
}
