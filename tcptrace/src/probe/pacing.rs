//! When to drain and when to sleep: at once when idle, on a timer when busy, and not at all when nothing happens.
//!
//! A wake-up costs more than ten events, so a busy reader is not woken: it drains every [`TICK`], or without a pause while
//! there is more than it takes in one go. Once a drain finds
//! nothing it asks to be woken and waits one tick more, because an event that was being written at that moment may
//! have missed the request. Only after that does it sleep without limit; and not while something that was drained waits
//! for what may follow it.

use std::time::Duration;

/// How long a busy reader lets events gather: the most that an event can be late on the screen.
pub const TICK: Duration = Duration::from_millis(5);

/// How long after a wake-up to drain: what comes together is then told in its order, the handshake above all.
pub const GATHERING: Duration = Duration::from_millis(1);

/// Records read in one go before signals and timers get their turn again.
pub(super) const BATCH: usize = 4096;

/// What to do before the next drain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pacing {
    /// Nothing: the last drain took all that it may, and there is more.
    Now,
    /// Sleep one tick.
    Tick,
    /// Ask for a wake-up, then wait for it, at most one tick.
    #[default]
    Ask,
    /// Wait for the wake-up that was asked for, however long it takes.
    Sleep,
}

impl Pacing {
    /// The next step after a drain that found `records`; `woken` if a wake-up led to it, `waits` if something drained
    /// cannot be told yet.
    #[must_use]
    pub fn after(self, records: usize, woken: bool, waits: bool) -> Self {
        match (records, self) {
            (BATCH.., _) => Self::Now,
            (1.., _) => Self::Tick,
            (0, _) if waits => Self::Tick,
            (0, Self::Tick | Self::Now) => Self::Ask,
            // The wake-up that we asked for is used up, though it brought nothing.
            (0, _) if woken => Self::Ask,
            (0, _) => Self::Sleep,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_reader_ends_asleep_and_a_busy_one_is_never_woken() {
        let mut pacing = Pacing::default();
        let mut steps = Vec::new();
        let drains = [(0, false), (3, true), (BATCH, false), (100, false), (0, false), (0, false), (0, true)];
        for (records, woken) in drains {
            pacing = pacing.after(records, woken, false);
            steps.push(pacing);
        }
        use Pacing::{Ask, Now, Sleep, Tick};
        assert_eq!(steps, [Sleep, Tick, Now, Tick, Ask, Sleep, Ask]);
    }

    #[test]
    fn nobody_sleeps_while_something_waits() {
        let mut pacing = Pacing::Sleep;
        for (records, woken) in [(1, true), (0, false), (0, false), (0, false)] {
            pacing = pacing.after(records, woken, true);
            assert_eq!(pacing, Pacing::Tick);
        }
        assert_eq!(pacing.after(0, false, false), Pacing::Ask);
    }
}
