//! When to ask for a dump of all sockets after a loss, and when to give one up.

use super::{BATCH, losses::CHECK};
use crate::time::Moment;

/// A dump is given up if so many records come while it is made, and so many a second. To hold a dump of a hundred thousand
/// sockets against what has happened takes a tenth of a second, twice that beside a flood; meanwhile nobody reads.
const AT_DUMP: usize = 4 * BATCH;
const FLOOD: u128 = 100_000;

/// A dump waits until nothing more is lost for [`CHECK`], so that it is not made, and read, while there is no time for it;
/// but no longer than this, nanoseconds.
const PATIENCE: u64 = 2_000_000_000;

/// No dump is asked for sooner after the one before, nanoseconds.
const BETWEEN_DUMPS: u64 = 1_000_000_000;

/// Nor sooner than this many times as long as the one before took: a twentieth of the time at most.
const WORTH: u64 = 20;

/// The next repair.
#[derive(Debug, Default)]
pub(super) struct RepairPlan {
    /// None while nothing is missing.
    due: Option<u64>,
    latest: u64,
    not_before: u64,
}

impl RepairPlan {
    /// When a dump is due.
    pub(super) const fn due(&self) -> Option<u64> {
        self.due
    }

    /// Plans a dump: when nothing more is lost, but not too late. A burst takes its time, and a dump that is older than its
    /// end is worth little.
    pub(super) fn after_loss(&mut self, now: Moment) {
        self.plan(now, now.mono_ns + CHECK);
    }

    /// Notes that the dump is being made.
    pub(super) const fn begin(&mut self) {
        self.due = None;
    }

    /// Puts off the next dump by what this one took.
    pub(super) fn end(&mut self, now: Moment, requested_at: Moment) {
        self.not_before = now.mono_ns + earliest_next(BETWEEN_DUMPS, now.since(requested_at));
    }

    /// Whether more happens than can be held against the dump: then another one is planned.
    pub(super) fn gives_up(&mut self, now: Moment, requested_at: Moment, came: usize) -> bool {
        let elapsed_ms = u128::from(now.since(requested_at) / 1_000_000);
        let is_flood = came > AT_DUMP && came as u128 * 1_000 > FLOOD * elapsed_ms;
        if is_flood {
            self.end(now, requested_at);
            self.plan(now, now.mono_ns);
        }
        is_flood
    }

    /// Puts off the next dump, because one that was given up has only now come to its end.
    pub(super) fn given_up_has_ended(&mut self, now: Moment) {
        self.not_before = self.not_before.max(now.mono_ns + BETWEEN_DUMPS);
        self.due = self.due.map(|due| due.max(self.not_before));
    }

    fn plan(&mut self, now: Moment, sooner: u64) {
        if self.due.is_none() {
            self.latest = now.mono_ns + PATIENCE;
        }
        self.due = Some(sooner.min(self.latest).max(self.not_before));
    }
}

/// How long to wait after a dump that took so long: one that takes long is not asked for more often than it is worth.
pub(super) fn earliest_next(least: u64, took: u64) -> u64 {
    least.max(took.saturating_mul(WORTH))
}
