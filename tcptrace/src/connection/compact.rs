//! Histories to which nothing happens for the time being, in few bytes: most of the connections that are open are idle.

mod coder;
mod side;
mod step;
#[cfg(test)]
mod tests;
mod what;

use std::sync::Arc;

use foldhash::HashMap;

use super::{ConnectionHistory, Counted, Side, Step, What};
use crate::{
    process::{Owner, Owners},
    record::ConnectionId,
    time::Moment,
};
use coder::{Coded as _, Reader, Writer};
use step::Kinds;

/// Compacted histories by their numbers.
#[derive(Debug, Default)]
pub(super) struct Compacted {
    histories: HashMap<ConnectionId, Packed>,
    owners: Owners,
    kinds: Kinds,
}

/// One history, without its number.
#[derive(Debug)]
struct Packed {
    owners: [Option<Arc<Owner>>; 2],
    bytes: Box<[u8]>,
}

impl Compacted {
    pub(super) fn ids(&self) -> impl Iterator<Item = ConnectionId> {
        self.histories.keys().copied()
    }

    /// The history as it was put here.
    pub(super) fn get(&self, id: ConnectionId) -> Option<ConnectionHistory> {
        self.histories.get(&id).map(|packed| self.unpack(id, packed))
    }

    /// Takes a history out.
    pub(super) fn take(&mut self, id: ConnectionId) -> Option<ConnectionHistory> {
        // Removing hashes the number even if there is nothing to remove, and most hosts never have anything here.
        if self.histories.is_empty() {
            return None;
        }
        let packed = self.histories.remove(&id)?;
        Some(self.unpack(id, &packed))
    }

    /// Puts a history here; gives it back if it is one of the rare ones that are not packed: of more than two sides.
    pub(super) fn put(&mut self, history: ConnectionHistory) -> Result<(), ConnectionHistory> {
        match self.pack(&history) {
            Some(packed) => {
                self.histories.insert(history.id, packed);
                Ok(())
            }
            None => Err(history),
        }
    }

    fn pack(&mut self, history: &ConnectionHistory) -> Option<Packed> {
        let mut writer = Writer::default();
        let mut owners = [None, None];
        // The number of sides, and in the last bit whether its closing was reported.
        (history.sides.len() << 1 | usize::from(history.is_reported)).coded(&mut writer);
        history.skipped.coded(&mut writer);
        for (index, side) in history.sides.iter().enumerate() {
            *owners.get_mut(index)? = side.owner.map(|owner| self.owners.share(owner));
            // It is the time of a step.
            let entered = match side.since {
                Some(since) => history.steps.iter().rposition(|step| step.at == since)? + 1,
                None => 0,
            };
            let first = history.sides.first().filter(|_| index > 0);
            side::side(&mut writer, side.clone(), first, entered);
        }
        let mut before = Moment::default();
        for step in &history.steps {
            let number = self.kinds.number(&step.what);
            before = self.kinds.step(&mut writer, step.clone(), number, before).at;
        }
        Some(Packed { owners, bytes: writer.into() })
    }

    fn unpack(&self, id: ConnectionId, packed: &Packed) -> ConnectionHistory {
        let mut reader = Reader::new(&packed.bytes);
        let head = 0_usize.coded(&mut reader);
        let sides = head >> 1;
        let mut history = ConnectionHistory {
            skipped: 0.coded(&mut reader),
            is_reported: head & 1 == 1,
            ..ConnectionHistory::new(id)
        };
        history.sides.reserve_exact(sides);
        let mut entered = [0; 2];
        for (entered, owner) in entered.iter_mut().zip(&packed.owners).take(sides) {
            let blank = Side { owner: owner.as_deref().copied(), ..side::blank() };
            let side;
            (side, *entered) = side::side(&mut reader, blank, history.sides.first(), 0);
            history.sides.push(side);
        }
        let mut before = Moment::default();
        while !reader.is_empty() {
            let step = self.kinds.step(&mut reader, step::blank(), 0, before);
            before = step.at;
            history.steps.push(step);
        }
        for (side, entered) in history.sides.iter_mut().zip(entered) {
            side.since =
                entered.checked_sub(1).and_then(|index: usize| history.steps.get(index)).map(|step| step.at);
        }
        history
    }
}
