//! Sockets that seem to be stuck are reported only when a dump shows them where they were, and by whom they are held.

use anyhow::Result;

use super::{Dump, repair::earliest_next};
use crate::{
    dumped::DumpedSocket,
    record::{Record, SocketId, Stuck},
    stuck::{Limits, StuckDetector},
    time::Moment,
    tracker::Tracker,
};

/// Time between two dumps at least, nanoseconds.
const BETWEEN_DUMPS: u64 = 1_000_000_000;

/// A detector, and when it may ask next.
#[derive(Debug)]
pub(super) struct StuckCheck {
    detector: StuckDetector,
    not_before: u64,
}

impl StuckCheck {
    pub(super) fn new(limits: Limits) -> Self {
        Self { detector: StuckDetector::new(limits), not_before: 0 }
    }

    /// Takes in a record.
    pub(super) fn follow(&mut self, record: &Record) {
        self.detector.follow(record);
    }

    /// When to ask for a dump; never while nobody waits.
    pub(super) fn due(&self) -> Option<u64> {
        self.detector.next_due().map(|due| due.max(self.not_before))
    }

    /// Those that are stuck now, as far as is known without asking.
    pub(super) fn take_due(&mut self, now: Moment, tracker: &Tracker) -> Vec<Stuck> {
        if self.due().is_none_or(|due| due > now.mono_ns) {
            return Vec::new();
        }
        let mut stuck = self.detector.due(now);
        // One that goes by another name now, or whose end was noticed without a word.
        stuck.retain(|stuck| {
            let there = tracker.is_in_state(stuck.subject.socket, stuck.state);
            if !there {
                self.detector.forget(stuck.subject.socket);
            }
            there
        });
        stuck
    }

    /// Tells of those that the dump shows, which took so long to make.
    pub(super) fn confirm(
        &mut self,
        mut stuck: Vec<Stuck>,
        dump: Result<Dump>,
        now: Moment,
        took: u64,
        out: &mut Vec<Record>,
    ) {
        self.not_before = now.mono_ns + earliest_next(BETWEEN_DUMPS, took);
        match dump {
            Ok(dump) => stuck.retain_mut(|stuck| self.is_there(stuck, &dump.sockets)),
            Err(error) => log::warn!("who holds sockets that are stuck is not known: {error:#}"),
        }
        out.extend(stuck.into_iter().map(Record::Stuck));
    }

    /// Whether the kernel shows it in its state; then also by whom it is held.
    fn is_there(&mut self, stuck: &mut Stuck, dumped: &[DumpedSocket]) -> bool {
        let SocketId::Cookie(cookie) = stuck.subject.socket else { return true };
        let Some(found) = dumped.iter().find(|found| found.cookie == cookie) else {
            // Gone, and its end was missed; unless its namespace cannot be dumped.
            let visible = dumped.iter().any(|found| Some(found.netns) == stuck.subject.netns);
            if visible {
                self.detector.forget(stuck.subject.socket);
            }
            return !visible;
        };
        if let (Some(holder), Some(owner)) = (&found.holder, found.owner()) {
            stuck.fd = Some(holder.fd);
            // The one that has the descriptor; of the same process more may be known.
            if stuck.subject.owner.is_none_or(|known| known.pid != owner.pid) {
                stuck.subject.owner = Some(owner);
            }
        }
        found.state == stuck.state
    }
}
