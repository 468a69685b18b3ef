//! Asks the kernel and `/proc` about sockets that seem to be stuck, before it is told.

use std::time::Duration;

use anyhow::Result;
use tokio::time::Instant;

use super::clock::Clock;
use crate::{
    dumped::DumpedSocket,
    record::{Record, SocketId, Stuck},
    snapshot::Snapshot,
    stuck::{Limits, StuckDetector},
    time::Moment,
    tracker::Tracker,
};

/// How often to ask at most.
const LOOK: Duration = Duration::from_secs(1);

/// A watch, and when it may ask next.
pub(super) struct Watcher {
    watch: StuckDetector,
    not_before: Instant,
}

impl Watcher {
    pub(super) fn new(limits: Limits) -> Self {
        Self { watch: StuckDetector::new(limits), not_before: Instant::now() }
    }

    pub(super) fn follow(&mut self, record: &Record) {
        self.watch.follow(record);
    }

    /// When to wake up for it; never while nobody waits.
    pub(super) fn next(&self, clock: &mut Clock) -> Option<Instant> {
        let due = self.watch.next_due()?;
        let left = Duration::from_nanos(due.saturating_sub(clock.now().mono_ns));
        Some((Instant::now() + left).max(self.not_before))
    }

    /// Those that are due, as far as is known without asking.
    pub(super) fn due(&mut self, now: Moment, tracker: &Tracker) -> Vec<Stuck> {
        let is_due = self.watch.next_due().is_some_and(|due| due <= now.mono_ns);
        if !is_due || Instant::now() < self.not_before {
            return Vec::new();
        }
        let mut stuck = self.watch.due(now);
        // One that goes by another name now, or whose end was noticed without a word.
        stuck.retain(|stuck| {
            let there = tracker.is_in_state(stuck.subject.socket, stuck.state);
            if !there {
                self.watch.forget(stuck.subject.socket);
            }
            there
        });
        stuck
    }

    /// Tells of those that the kernel's list shows, which took so long to make.
    pub(super) fn confirm(
        &mut self,
        mut stuck: Vec<Stuck>,
        listed: Result<Snapshot>,
        took: Duration,
        out: &mut Vec<Record>,
    ) {
        // A list that takes long is not asked for more often than it is worth.
        self.not_before = Instant::now() + LOOK.max(took * 20);
        match listed {
            Ok(snapshot) => stuck.retain_mut(|stuck| self.is_there(stuck, &snapshot.sockets)),
            Err(error) => log::warn!("who holds sockets that are stuck is not known: {error:#}"),
        }
        out.extend(stuck.into_iter().map(Record::Stuck));
    }

    /// Whether the kernel shows it in its state; then also by whom it is held.
    fn is_there(&mut self, stuck: &mut Stuck, listed: &[DumpedSocket]) -> bool {
        let SocketId::Cookie(cookie) = stuck.subject.socket else { return true };
        let Some(found) = listed.iter().find(|found| found.cookie == cookie) else {
            // Gone, and its end was missed; unless its namespace cannot be listed.
            let visible = listed.iter().any(|found| Some(found.netns) == stuck.subject.netns);
            if visible {
                self.watch.forget(stuck.subject.socket);
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
