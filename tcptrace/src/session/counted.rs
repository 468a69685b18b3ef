//! Counters of the kernel side: the half of the totals that no record carries.

/// Totals over all CPUs since the programs were loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// State changes of TCP sockets.
    pub seen: u64,
    /// Part of `seen` that the filter in the kernel turned away.
    pub filtered: u64,
    /// Part of `seen` that was lost because the ring buffer was full.
    pub ring_full: u64,
    /// Runs that the kernel skipped, because the event interrupted the program itself, and that the second program did
    /// not make good. Not in `seen`.
    pub recursion: u64,
    /// Runs that the second program made good. In `seen`.
    pub inside: u64,
    /// Notes lost because the ring buffer was full. Not in `seen`.
    pub lost_notes: u64,
}
