//! The only module that reads clocks: turns the kernel's monotonic times into wall-clock times.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::place::ahead_of_host_ns;
use crate::time::Moment;

/// How long one comparison of the clocks is good for, nanoseconds.
const GOOD_FOR: u64 = 60_000_000_000;

/// The distance between the monotonic and the wall clock, measured anew each minute.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    wall_minus_mono: i64,
    compared: u64,
    /// Nanoseconds by which the monotonic clock is ahead of the host's, which the kernel's times are of.
    ahead: i64,
}

impl Clock {
    pub(crate) fn new() -> Self {
        let ahead = ahead_of_host_ns();
        Self::compared(mono(ahead), nanoseconds(ClockId::Realtime), ahead)
    }

    const fn compared(mono_ns: u64, wall_ns: i64, ahead: i64) -> Self {
        Self { wall_minus_mono: wall_ns.saturating_sub(mono_ns as i64), compared: mono_ns, ahead }
    }

    /// This moment.
    pub(crate) fn now(&mut self) -> Moment {
        self.follow(mono(self.ahead), || nanoseconds(ClockId::Realtime))
    }

    fn follow(&mut self, mono_ns: u64, wall: impl FnOnce() -> i64) -> Moment {
        if mono_ns.saturating_sub(self.compared) > GOOD_FOR {
            *self = Self::compared(mono_ns, wall(), self.ahead);
        }
        self.at(mono_ns)
    }

    /// How long until this time of the monotonic clock, nanoseconds; nothing if that is over.
    pub(crate) fn until(&mut self, mono_ns: u64) -> Duration {
        Duration::from_nanos(mono_ns.saturating_sub(self.now().mono_ns))
    }

    /// A moment that the kernel named.
    const fn at(&self, mono_ns: u64) -> Moment {
        Moment { mono_ns, wall_ns: self.wall_minus_mono.saturating_add(mono_ns as i64) }
    }
}

fn mono(ahead: i64) -> u64 {
    nanoseconds(ClockId::Monotonic).saturating_sub(ahead).unsigned_abs()
}

fn nanoseconds(clock: ClockId) -> i64 {
    let time = clock_gettime(clock);
    time.tv_sec.saturating_mul(1_000_000_000).saturating_add(time.tv_nsec)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    /// Wall-clock times follow it; what is computed, and the order of things, does not.
    #[test]
    fn a_clock_that_is_set_back_changes_no_distance() {
        let hour = 3600 * SECOND as i64;
        let mut clock = Clock::compared(10 * SECOND, 2 * hour, 0);
        let opened = clock.now_at(20, 2 * hour + 10 * SECOND as i64);
        // Set back by an hour: unnoticed until the clocks are compared again.
        let sent = clock.now_at(30, hour);
        let closed = clock.now_at(100, hour + 70 * SECOND as i64);
        assert_eq!(
            (sent.wall_ns, closed.wall_ns),
            (2 * hour + 20 * SECOND as i64, hour + 70 * SECOND as i64)
        );
        assert!(opened < sent && sent < closed);
        assert_eq!((sent.since(opened), closed.since(sent)), (10 * SECOND, 70 * SECOND));
        // What the kernel reported before the comparison is emitted after it.
        assert!(clock.at(99 * SECOND) < closed);
    }

    impl Clock {
        fn now_at(&mut self, mono_s: u64, wall_ns: i64) -> Moment {
            self.follow(mono_s * SECOND, || wall_ns)
        }
    }
}
