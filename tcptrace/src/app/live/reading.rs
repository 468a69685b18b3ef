//! What is read from the kernel's buffer and not followed yet.
//!
//! A batch at a time is followed. While that takes its time, and where the tracer gets less of a CPU than it needs for a
//! while, what comes is read ahead: it waits here and not in the kernel's buffer, which would be full after a tenth of a second of
//! a flood. Batches stay as large as ever: larger ones would take longer for each event, and so one would never catch up.

use std::collections::VecDeque;

use super::Live;
use crate::{event::RawEvent, probe::BATCH, time::Moment};

/// So many batches are read ahead: about 30 MiB.
const AHEAD: usize = 32;

/// Batches in the order in which they were read. None is empty, and only the last one may be less than whole.
#[derive(Debug, Default)]
pub(super) struct Ahead(VecDeque<Vec<RawEvent>>);

impl Ahead {
    /// Whether nothing was read ahead.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads until there is nothing left, or no room. `read` puts no more than so many into a batch, and says how many
    /// records that were: some may not be readable.
    fn fill(&mut self, mut read: impl FnMut(&mut Vec<RawEvent>, usize) -> usize) {
        loop {
            let is_open = self.0.back().is_some_and(|last| last.len() < BATCH);
            let mut batch = if is_open { self.0.pop_back().unwrap_or_default() } else { Vec::new() };
            let room = if self.0.len() < AHEAD { BATCH - batch.len() } else { 0 };
            let count = if room > 0 { read(&mut batch, room) } else { 0 };
            if !batch.is_empty() {
                self.0.push_back(batch);
            }
            if count == 0 || count < room {
                break;
            }
        }
    }

    /// The batch that was read first.
    fn next(&mut self) -> Option<Vec<RawEvent>> {
        self.0.pop_front()
    }

    /// All of it.
    fn all(&mut self) -> impl Iterator<Item = RawEvent> {
        self.0.drain(..).flatten()
    }
}

impl Live {
    /// Takes the next batch to be followed, after what was gathered and not followed; says how many records that are.
    pub(super) fn next_batch(&mut self) -> usize {
        let mut records = self.events.len();
        if let Some(mut batch) = self.ahead.next() {
            records += batch.len();
            self.events.append(&mut batch);
        }
        if self.ahead.is_empty() {
            let count = self.gather();
            records += count;
            if count == BATCH {
                // There is more: what was taken is not all that there was.
                self.read_ahead();
            }
        }
        records
    }

    /// Empties the kernel's buffer, as long as not too much waits here already.
    pub(super) fn read_ahead(&mut self) {
        let mut ahead = std::mem::take(&mut self.ahead);
        ahead.fill(|batch, most| self.read(batch, most));
        self.ahead = ahead;
    }

    /// Reads a batch, after all that was read ahead.
    pub(super) fn gather(&mut self) -> usize {
        let mut events = std::mem::take(&mut self.events);
        events.extend(self.ahead.all());
        let count = self.read(&mut events, BATCH);
        self.events = events;
        count
    }

    /// Empties the kernel's buffer, however much that is.
    pub(super) fn gather_all(&mut self) {
        while self.gather() == BATCH {}
    }

    /// Reads what has happened up to now, and not until there is nothing left: under a flood there always is.
    pub(super) fn gather_until_now(&mut self) -> Moment {
        let now = self.clock.now();
        while self.gather() > 0 && self.events.last().is_some_and(|last| last.mono_ns() <= now.mono_ns) {}
        now
    }

    /// Brings what was gathered into the order of time: two CPUs may have taken their times in another order than their places.
    pub(super) fn sort(&mut self) {
        self.events.sort_by_key(RawEvent::mono_ns);
    }

    /// By when all that there was is in the batch: not what was read ahead after it.
    pub(super) fn complete_until(&self, now: Moment) -> u64 {
        let last = self.events.last().filter(|_| !self.ahead.is_empty());
        last.map_or(now.mono_ns, |last| last.mono_ns().min(now.mono_ns))
    }

    fn read(&mut self, into: &mut Vec<RawEvent>, most: usize) -> usize {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Fork;

    /// A buffer that has so many records, of which each tenth cannot be read.
    struct Buffer(std::ops::Range<u32>);

    impl Buffer {
        fn read(&mut self, batch: &mut Vec<RawEvent>, most: usize) -> usize {
            let taken: Vec<_> = self.0.by_ref().take(most).collect();
            let readable = taken.iter().filter(|number| *number % 10 != 0);
            batch.extend(
                readable.map(|number| RawEvent::Fork(Fork { mono_ns: 0, parent: 0, child: *number })),
            );
            taken.len()
        }
    }

    fn number(seen: &RawEvent) -> u32 {
        match seen {
            RawEvent::Fork(fork) => fork.child,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_read_ahead_keeps_its_order_in_whole_batches() {
        let mut ahead = Ahead::default();
        let mut numbers = Vec::new();
        // Little, nothing, what cannot be read, a lot.
        let mut from = 0;
        for count in [7, 0, 1, 1, 1, 1, 3 * BATCH as u32, 5] {
            let mut buffer = Buffer(from..from + count);
            ahead.fill(|batch, most| buffer.read(batch, most));
            from += count;
        }
        let sizes: Vec<_> = ahead.0.iter().map(Vec::len).collect();
        let [whole @ .., last] = &sizes[..] else { panic!("nothing was read") };
        assert!(whole.iter().all(|size| *size == BATCH) && (1..=BATCH).contains(last), "{sizes:?}");
        numbers.extend(ahead.next().unwrap().iter().map(number));
        numbers.extend(ahead.all().map(|seen| number(&seen)));
        assert!(ahead.is_empty());
        assert!(numbers.iter().copied().eq((0..from).filter(|number| number % 10 != 0)));
    }

    #[test]
    fn there_is_a_bound_and_the_rest_stays_in_the_buffer() {
        let mut buffer = Buffer(0..1_000_000);
        let mut ahead = Ahead::default();
        let mut told = Vec::new();
        ahead.fill(|batch, most| buffer.read(batch, most));
        assert_eq!(ahead.0.len(), AHEAD);
        assert!(ahead.0.iter().all(|batch| batch.len() == BATCH));
        while let Some(batch) = ahead.next() {
            told.extend(batch.iter().map(number));
            ahead.fill(|batch, most| buffer.read(batch, most));
            assert!(ahead.0.len() <= AHEAD);
        }
        assert_eq!(told.len(), 900_000);
        assert!(told.is_sorted());
    }
}
