//! The only room that reads clocks: turns the kernel's monotonic times into wall-clock times.

use rustix::time::{ClockId, clock_gettime};

use crate::time::Moment;

/// How long one comparison of the clocks is good for, nanoseconds.
const GOOD_FOR: u64 = 60_000_000_000;

/// The distance between the monotonic and the wall clock, measured anew each minute.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    wall_minus_mono: i64,
    compared: u64,
}

impl Clock {
    pub(super) fn new() -> Self {
        let mono_ns = mono();
        let wall_ns = nanoseconds(ClockId::Realtime);
        Self { wall_minus_mono: wall_ns - mono_ns as i64, compared: mono_ns }
    }

    /// This moment.
    pub(super) fn now(&mut self) -> Moment {
        let mono_ns = mono();
        if mono_ns.saturating_sub(self.compared) > GOOD_FOR {
            *self = Self::new();
        }
        self.at(mono_ns)
    }

    /// A moment that the kernel named.
    pub(super) const fn at(&self, mono_ns: u64) -> Moment {
        Moment { mono_ns, wall_ns: self.wall_minus_mono.saturating_add(mono_ns as i64) }
    }
}

fn mono() -> u64 {
    nanoseconds(ClockId::Monotonic).unsigned_abs()
}

fn nanoseconds(clock: ClockId) -> i64 {
    let time = clock_gettime(clock);
    time.tv_sec.saturating_mul(1_000_000_000).saturating_add(time.tv_nsec)
}
