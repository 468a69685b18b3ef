//! Events that are read from the kernel's buffer and not followed yet.
//!
//! A batch at a time is followed. While that takes its time, and where the tracer gets less of a CPU than it needs for a
//! while, what comes is read ahead: it waits here and not in the kernel's buffer, which would be full after a tenth of a second of
//! a flood. Batches stay as large as ever: larger ones would take longer for each event, and so one would never catch up.

use std::collections::VecDeque;

use super::BATCH;
use crate::event::RawEvent;

/// Number of batches that are read ahead at most: about 30 MiB.
pub(super) const AHEAD: usize = 32;

/// Capacity that is kept of a batch: a burst would take more of it than all that a trace keeps of the sockets.
const KEPT: usize = 2 * BATCH;

/// Batches in the order in which they were read. None is empty, and only the last one may be less than whole.
#[derive(Debug, Default)]
pub(super) struct ReadAhead {
    batches: VecDeque<Vec<RawEvent>>,
    /// An empty batch, to be filled next.
    spare: Vec<RawEvent>,
}

impl ReadAhead {
    /// Whether nothing was read ahead.
    pub(super) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// Number of records.
    pub(super) fn len(&self) -> usize {
        self.batches.iter().map(Vec::len).sum()
    }

    /// How many records fit into the batch that is filled now; none once there are so many batches, all of them whole.
    pub(super) fn room(&self, most_batches: usize) -> usize {
        match self.batches.back() {
            _ if self.batches.len() > most_batches => 0,
            Some(last) if last.len() < BATCH => BATCH - last.len(),
            _ if self.batches.len() == most_batches => 0,
            _ => BATCH,
        }
    }

    /// Appends a record.
    pub(super) fn push(&mut self, event: RawEvent) {
        match self.batches.back_mut() {
            Some(last) if last.len() < BATCH => last.push(event),
            _ => {
                let mut batch = std::mem::take(&mut self.spare);
                batch.push(event);
                self.batches.push_back(batch);
            }
        }
    }

    /// Moves the batch that was read first to the end of `into`; says how many records that are.
    pub(super) fn pop_batch(&mut self, into: &mut Vec<RawEvent>) -> usize {
        let Some(mut batch) = self.batches.pop_front() else { return 0 };
        let count = batch.len();
        if into.is_empty() {
            std::mem::swap(into, &mut batch);
        } else {
            into.append(&mut batch);
        }
        batch.shrink_to(KEPT);
        self.spare = batch;
        count
    }

    /// All records, in the order in which they were read.
    pub(super) fn iter(&self) -> impl Iterator<Item = &RawEvent> {
        self.batches.iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Fork;

    fn push(ahead: &mut ReadAhead, numbers: std::ops::Range<u32>) {
        numbers.for_each(|child| ahead.push(RawEvent::Fork(Fork { mono_ns: 0, parent: 0, child })));
    }

    fn numbers(batch: &[RawEvent]) -> Vec<u32> {
        let number = |event: &RawEvent| match event {
            RawEvent::Fork(fork) => fork.child,
            other => panic!("{other:?}"),
        };
        batch.iter().map(number).collect()
    }

    #[test]
    fn what_is_read_ahead_keeps_its_order_in_whole_batches() {
        let mut ahead = ReadAhead::default();
        let mut from = 0;
        for count in [7, 0, 1, 1, 1, 1, 3 * BATCH as u32, 5] {
            push(&mut ahead, from..from + count);
            from += count;
        }
        let sizes: Vec<_> = ahead.batches.iter().map(Vec::len).collect();
        assert_eq!(sizes, [BATCH, BATCH, BATCH, 16]);
        assert_eq!(ahead.len(), from as usize);
        // Each batch into an empty one and after another one; what is read meanwhile comes last.
        let mut batch = Vec::new();
        let mut popped = vec![ahead.pop_batch(&mut batch), ahead.pop_batch(&mut batch)];
        push(&mut ahead, from..from + 10);
        while !ahead.is_empty() {
            popped.push(ahead.pop_batch(&mut batch));
        }
        assert_eq!(popped, [BATCH, BATCH, BATCH, 26]);
        assert!(numbers(&batch).into_iter().eq(0..from + 10));
        assert_eq!(ahead.pop_batch(&mut batch), 0);
    }

    #[test]
    fn there_is_a_bound_unless_it_is_lifted() {
        let mut ahead = ReadAhead::default();
        let mut read = 0;
        while ahead.room(3) > 0 {
            let room = ahead.room(3) as u32;
            push(&mut ahead, read..read + room);
            read += room;
        }
        assert_eq!(read as usize, 3 * BATCH);
        assert_eq!(ahead.room(usize::MAX), BATCH);
        push(&mut ahead, read..read + 1);
        // More than the bound allows: it is not added to, though its last batch is not whole.
        assert_eq!((ahead.room(3), ahead.room(usize::MAX)), (0, BATCH - 1));
        ahead.pop_batch(&mut Vec::new());
        assert_eq!(ahead.room(3), BATCH - 1);
    }
}
