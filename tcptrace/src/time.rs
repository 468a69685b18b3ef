//! Moments: every one has a monotonic reading to compute with and a wall-clock reading to show.

/// One moment on this host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// `CLOCK_MONOTONIC`, nanoseconds.
    pub mono_ns: u64,
    /// Nanoseconds since the Unix epoch.
    pub wall_ns: i64,
}

impl Moment {
    /// How long after `earlier`, in nanoseconds; 0 if it is not after.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.mono_ns.saturating_sub(earlier.mono_ns)
    }
}
