//! What is read from the kernel's buffer and not followed yet.
//!
//! A batch at a time is followed. While that takes its time, and where the tracer gets less of a CPU than it needs for a
//! while, what comes is read ahead: it waits here and not in the kernel's buffer, which would be full after a tenth of a second of
//! a flood. Batches stay as large as ever: larger ones would take longer for each event, and so one would never catch up.

use std::collections::VecDeque;

use super::Live;
use crate::{event::Observation, probe::BATCH, time::Moment};

/// So many batches are read ahead: about 30 MiB.
const AHEAD: usize = 32;

/// Batches in the order in which they were read. Only the last one may be less than whole.
#[derive(Debug, Default)]
pub(super) struct Ahead(VecDeque<Vec<Observation>>);

impl Ahead {
    /// Whether nothing was read ahead.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Where to put more, if there is room.
    fn open(&mut self) -> Option<&mut Vec<Observation>> {
        if self.0.back().is_none_or(|last| last.len() >= BATCH) {
            if self.0.len() == AHEAD {
                return None;
            }
            self.0.push_back(Vec::new());
        }
        self.0.back_mut()
    }
}

impl Live {
    /// Takes the next batch to be followed; says how many records that are.
    pub(super) fn next_batch(&mut self) -> usize {
        let before = self.events.len();
        self.events.append(&mut self.ahead.0.pop_front().unwrap_or_default());
        let ahead = self.events.len() - before;
        if !self.ahead.is_empty() {
            return ahead;
        }
        ahead + self.gather()
    }

    /// Empties the kernel's buffer, as long as not too much waits here already.
    pub(super) fn read_ahead(&mut self) {
        while let Some(batch) = self.ahead.open() {
            let mut batch = std::mem::take(batch);
            let room = BATCH - batch.len();
            let count = self.read(&mut batch, room);
            if batch.is_empty() {
                self.ahead.0.pop_back();
            } else if let Some(last) = self.ahead.0.back_mut() {
                *last = batch;
            }
            if count < room {
                break;
            }
        }
    }

    /// Reads a batch, after all that was read ahead.
    pub(super) fn gather(&mut self) -> usize {
        let mut events = std::mem::take(&mut self.events);
        events.extend(self.ahead.0.drain(..).flatten());
        let count = self.read(&mut events, BATCH);
        self.events = events;
        count
    }

    /// Reads what has happened up to now, and not until there is nothing left: under a flood there always is.
    pub(super) fn gather_until_now(&mut self) -> Moment {
        let now = self.clock.now();
        while self.gather() > 0 && self.events.last().is_some_and(|last| last.mono_ns() <= now.mono_ns) {}
        now
    }

    /// Brings what was gathered into the order of time: two CPUs may have taken their times in another order than their places.
    pub(super) fn sort(&mut self) {
        self.events.sort_by_key(Observation::mono_ns);
    }

    /// By when all that there was is in the batch: not what was read ahead after it.
    pub(super) fn complete_until(&self, now: Moment) -> u64 {
        let last = self.events.last().filter(|_| !self.ahead.is_empty());
        last.map_or(now.mono_ns, |last| last.mono_ns().min(now.mono_ns))
    }

    fn read(&mut self, into: &mut Vec<Observation>, most: usize) -> usize {
        let Self { attached, losses, .. } = self;
        let count = attached.reader.drain(most, |event| match event {
            Ok(event) => into.push(event),
            Err(error) => {
                losses.undecodable += 1;
                log::debug!("a record was left out: {error}");
            }
        });
        if let Some(messages) = &mut attached.messages {
            messages.flush();
        }
        count
    }
}
