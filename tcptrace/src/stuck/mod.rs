//! Sockets that stay too long in a state that should pass: reported when it happens, and again each time that it doubles.
//!
//! Pure: the time is an argument, and nothing waits here. [`StuckDetector::next_due`] says when to ask again.

mod limits;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use foldhash::HashMap;

use crate::{
    record::{Record, SocketId, Stuck, Subject},
    tcp::TcpState,
    time::Moment,
};
pub use limits::Limits;

/// A socket in a state with a limit.
#[derive(Clone, Debug)]
struct Waiting {
    subject: Subject,
    state: TcpState,
    since: Moment,
    at_least: bool,
    told: u64,
    due: u64,
}

/// Watches sockets by their records.
#[derive(Debug)]
pub struct StuckDetector {
    limits: Limits,
    sockets: HashMap<SocketId, Waiting>,
    /// When to tell of whom.
    due: BTreeSet<(u64, SocketId)>,
}

impl StuckDetector {
    /// With these limits.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, sockets: HashMap::default(), due: BTreeSet::new() }
    }

    /// Takes in a record.
    pub fn follow(&mut self, record: &Record) {
        match record {
            Record::Existing(found) => self.enter(&found.subject, found.state, found.at, true),
            // close() after shutdown(): the state goes on.
            Record::Transition(step) if step.from == step.to => self.update(&step.subject),
            Record::Transition(step) => {
                let vague = step.context.is_some_and(|context| context.is_gap_after(step.from));
                self.enter(&step.subject, step.to, step.at, vague);
            }
            Record::Orphan(orphan) => self.update(&orphan.subject),
            _ => {}
        }
    }

    /// When the next socket is due, on the monotonic clock, nanoseconds; none if nobody waits.
    #[must_use]
    pub fn next_due(&self) -> Option<u64> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Those that are due by now.
    pub fn due(&mut self, now: Moment) -> Vec<Stuck> {
        let mut stuck = Vec::new();
        while let Some((due, socket)) = self.due.first().copied().filter(|(due, _)| *due <= now.mono_ns) {
            self.due.remove(&(due, socket));
            let Some(waiting) = self.sockets.get_mut(&socket) else { continue };
            waiting.told += 1;
            let for_ns = now.since(waiting.since);
            // What was slept through is reported once.
            while waiting.due <= now.mono_ns {
                let interval = waiting.due.saturating_sub(waiting.since.mono_ns);
                waiting.due = waiting.due.saturating_add(interval.max(1));
            }
            self.due.insert((waiting.due, socket));
            let Waiting { subject, state, at_least, told: count, .. } = waiting.clone();
            stuck.push(Stuck { at: now, subject, state, for_ns, at_least, count, fd: None });
        }
        stuck
    }

    /// Watches nobody any longer.
    pub fn clear(&mut self) {
        self.sockets.clear();
        self.due.clear();
    }

    /// Takes those that were due by `until`, each as of its own moment: for a story that is over.
    pub fn overdue(&mut self, until: Moment) -> Vec<Stuck> {
        let mut stuck = Vec::new();
        while let Some(due) = self.next_due().filter(|due| *due <= until.mono_ns) {
            let before = i64::try_from(until.mono_ns - due).unwrap_or(i64::MAX);
            stuck.extend(self.due(Moment { mono_ns: due, wall_ns: until.wall_ns.saturating_sub(before) }));
        }
        stuck
    }

    /// Watches a socket no longer.
    pub fn forget(&mut self, socket: SocketId) {
        if let Some(waiting) = self.sockets.remove(&socket) {
            self.due.remove(&(waiting.due, socket));
        }
    }

    fn update(&mut self, subject: &Subject) {
        if let Some(waiting) = self.sockets.get_mut(&subject.socket) {
            waiting.subject = subject.clone();
        }
    }

    fn enter(&mut self, subject: &Subject, state: TcpState, since: Moment, at_least: bool) {
        self.forget(subject.socket);
        let Some(limit) = self.limits.of(state) else { return };
        let due = since.mono_ns.saturating_add(limit);
        self.due.insert((due, subject.socket));
        let waiting = Waiting { subject: subject.clone(), state, since, at_least, told: 0, due };
        self.sockets.insert(subject.socket, waiting);
    }
}
