//! The end of a trace, as a record, with the totals of its events.

use crate::time::Moment;

/// End of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// Moment of the end.
    pub at: Moment,
    /// Totals of the events.
    pub totals: Totals,
    /// Steps among those shown that the state machine does not have: something in between was not seen.
    pub illegal: u64,
}

/// Totals of a trace, in which every event is accounted for: `seen == shown + filtered + lost`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// State changes of TCP sockets during the trace.
    pub seen: u64,
    /// Events that were emitted.
    pub shown: u64,
    /// Events turned away by a filter, in the kernel or here.
    pub filtered: u64,
    /// Events lost on the way.
    pub lost: u64,
}
