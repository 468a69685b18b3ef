//! When to drain and when to sleep: at once when idle, on a timer when busy, and not at all when nothing happens.
//!
//! A wake-up costs more than ten events, so a busy reader is not woken: it drains every [`TICK`], or without a pause while
//! there is more than it takes in one go. Once a drain finds nothing it asks to be woken and drains once more; the kernel
//! side looks whether it was asked after it has written, so nothing falls between the two. Only then does the reader sleep,
//! without limit; and not while something that was drained waits for what may follow it.

use std::time::Duration;

/// How long a busy reader lets events gather: the most that an event can be late on the screen.
pub const TICK: Duration = Duration::from_millis(5);

/// How long after a wake-up to drain: what comes together is then emitted in its order, the handshake above all.
pub const GATHERING: Duration = Duration::from_millis(1);

/// Records read in one go before signals and timers get their turn again.
pub const BATCH: usize = 4096;

/// Step to take before the next drain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pacing {
    /// Nothing: the last drain took all that it may, and there is more.
    Now,
    /// Sleep one tick.
    Tick,
    /// Ask for a wake-up, and drain once more.
    #[default]
    Ask,
    /// Wait for the wake-up that was asked for, however long it takes.
    Sleep,
}

impl Pacing {
    /// The next step after a drain that found `records`; `asked` if a wake-up was asked for that has not come yet, `waits` if
    /// something drained cannot be emitted yet.
    #[must_use]
    pub fn after(self, records: usize, asked: bool, waits: bool) -> Self {
        match (records, self) {
            (BATCH.., _) => Self::Now,
            (1.., _) => Self::Tick,
            (0, _) if waits => Self::Tick,
            (0, Self::Ask | Self::Sleep) if asked => Self::Sleep,
            (0, _) => Self::Ask,
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
        // Asked; woken for three; many; some; none; asked; woken for nothing; asked; something else was due.
        for (records, asked) in [
            (0, true),
            (3, false),
            (BATCH, false),
            (100, false),
            (0, false),
            (0, true),
            (0, false),
            (0, true),
            (0, true),
        ] {
            pacing = pacing.after(records, asked, false);
            steps.push(pacing);
        }
        use Pacing::{Ask, Now, Sleep, Tick};
        assert_eq!(steps, [Sleep, Tick, Now, Tick, Ask, Sleep, Ask, Sleep, Sleep]);
    }

    #[test]
    fn nobody_sleeps_while_something_waits() {
        let mut pacing = Pacing::Sleep;
        for records in [1, 0, 0, 0] {
            pacing = pacing.after(records, false, true);
            assert_eq!(pacing, Pacing::Tick);
        }
        assert_eq!(pacing.after(0, false, false), Pacing::Ask);
    }
}
