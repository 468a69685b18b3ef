//! One step for the timer events that belong together.
//!
//! A timer that runs out is first stopped (`expire_timers` in `kernel/time/timer.c` detaches it), and one that is
//! started again is stopped before. Only what follows within microseconds, on the same CPU, shows which it was; so the
//! end of a batch waits for the next batch, if it has an event that something may follow. `rules` has the table of
//! what belongs together, `pairs` finds it in a batch.

mod pairs;
mod rules;

use super::{RawEvent, SocketEvent, SocketEventKind, TimerStep};
use crate::address::Tuple;
use pairs::{Pairs, name_requests};
use rules::AT_LAST;

/// Number of drains from which what is waited for must be missing. The clock alone is no proof: where the whole machine
/// stood still nothing had the time to follow.
const DRAINS: usize = 4;

/// Folds the timer events of batch after batch.
#[derive(Debug, Default)]
pub struct Timers {
    waiting: Vec<RawEvent>,
    /// Time and ends of the first event that something may follow.
    open: Option<(u64, Tuple)>,
    /// Times of the last drains, the oldest first.
    drained: [u64; DRAINS],
}

impl Timers {
    /// Events that wait for what may follow them.
    pub fn waiting(&self) -> &[RawEvent] {
        &self.waiting
    }

    /// Whether events wait for what may follow them: then the next drain is due, though no event may come.
    #[must_use]
    pub const fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Folds the timer events of a batch that holds all there was at `now`, nanoseconds of `CLOCK_MONOTONIC`.
    pub fn fold(&mut self, batch: &mut Vec<RawEvent>, now: u64) {
        let seen_by = self.drained[0];
        self.drained.rotate_left(1);
        self.drained[DRAINS - 1] = now;
        self.fold_up_to(batch, seen_by.min(now.saturating_sub(AT_LAST)));
    }

    /// Folds the last batch: nothing more comes for what waits.
    pub fn finish(&mut self, batch: &mut Vec<RawEvent>) {
        self.fold_up_to(batch, u64::MAX);
    }

    /// Folds a batch, given that nothing follows any more what happened up to `settled`.
    fn fold_up_to(&mut self, batch: &mut Vec<RawEvent>, settled: u64) {
        if self.is_unanswered(batch, settled) {
            // Looked at again and again, a flood would take more time than there is.
            self.waiting.append(batch);
            return;
        }
        self.open = None;
        if !self.waiting.is_empty() {
            self.waiting.append(batch);
            std::mem::swap(&mut self.waiting, batch);
            batch.sort_by_key(RawEvent::mono_ns);
        }
        if !batch.iter().any(|event| timer(event).is_some()) {
            return;
        }
        name_requests(batch);
        let pairs = Pairs::of(batch);
        if let Some(open) = pairs.first_open(batch, settled) {
            self.open = socket_event(&batch[open]).map(|event| (event.mono_ns, event.tuple));
            self.waiting = batch.split_off(pairs.beginning_of(open));
        }
        pairs.fold(batch);
    }

    /// Whether what waits goes on waiting: it may still be followed, and nothing in the batch can be what follows.
    fn is_unanswered(&self, batch: &[RawEvent], settled: u64) -> bool {
        let may_answer = |event: &RawEvent, ends| match event {
            RawEvent::StateChange(event) => event.tuple == ends,
            RawEvent::SocketEvent(event) => event.tuple == ends,
            RawEvent::Accept(_) | RawEvent::Fork(_) => false,
        };
        self.open.is_some_and(|(at, ends)| {
            at > settled && batch.iter().all(|event| event.mono_ns() >= at && !may_answer(event, ends))
        })
    }
}

fn socket_event(event: &RawEvent) -> Option<&SocketEvent> {
    match event {
        RawEvent::SocketEvent(event) => Some(event),
        RawEvent::Accept(_) | RawEvent::StateChange(_) | RawEvent::Fork(_) => None,
    }
}

/// The step of a timer's event, and the event.
fn timer(event: &RawEvent) -> Option<(TimerStep, &SocketEvent)> {
    let event = socket_event(event)?;
    match event.kind {
        SocketEventKind::Timewait(step) | SocketEventKind::Request(step) => Some((step, event)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
