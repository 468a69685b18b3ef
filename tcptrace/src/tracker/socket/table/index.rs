//! Slots by something that their sockets hold, which is not kept here once more: to compare is to look into the slot.

use std::hash::{BuildHasher as _, Hash};

use foldhash::fast::RandomState;
use hashbrown::{HashTable, hash_table::Entry};

use super::{Key, Slot, Socket};

/// An index; whoever changes what a socket holds takes its slot out before and puts it in again after.
#[derive(Debug, Default)]
pub(super) struct Index {
    slots: HashTable<u32>,
    hasher: RandomState,
}

impl Index {
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Key of the socket that holds this.
    pub(super) fn find<T: Hash + Eq>(
        &self,
        slots: &[Slot],
        what: T,
        of: impl Fn(&Socket) -> T,
    ) -> Option<Key> {
        let what = Some(what);
        let found = self.slots.find(self.hasher.hash_one(&what), |slot| held(slots, *slot, &of) == what);
        found.map(|index| slots[*index as usize].key(*index))
    }

    /// Adds a slot instead of the one that holds the same, and returns that one.
    pub(super) fn put<T: Hash + Eq>(
        &mut self,
        slots: &[Slot],
        slot: u32,
        of: impl Fn(&Socket) -> T,
    ) -> Option<u32> {
        let Self { slots: table, hasher } = self;
        let what = held(slots, slot, &of);
        let hash = |slot: &u32| hasher.hash_one(held(slots, *slot, &of));
        let same = |other: &u32| held(slots, *other, &of) == what;
        match table.entry(hash(&slot), same, hash) {
            Entry::Occupied(mut other) => Some(std::mem::replace(other.get_mut(), slot)),
            Entry::Vacant(free) => {
                free.insert(slot);
                None
            }
        }
    }

    /// Takes a slot out, if it is in.
    pub(super) fn remove<T: Hash + Eq>(&mut self, slots: &[Slot], slot: u32, of: impl Fn(&Socket) -> T) {
        let hash = self.hasher.hash_one(held(slots, slot, &of));
        if let Ok(found) = self.slots.find_entry(hash, |other| *other == slot) {
            found.remove();
        }
    }
}

fn held<T>(slots: &[Slot], slot: u32, of: &impl Fn(&Socket) -> T) -> Option<T> {
    slots[slot as usize].socket.as_ref().map(of)
}
