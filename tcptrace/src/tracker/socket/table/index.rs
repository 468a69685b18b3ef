//! Slots by something that their sockets hold. It is not kept here once more: to compare is to look into the slot.

use std::hash::{BuildHasher as _, Hash};

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::{Key, Slot, Socket};

/// Whoever changes what a socket holds takes its slot out before and puts it in again after.
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

    /// The one that holds this.
    pub(super) fn find<T: Hash + Eq>(
        &self,
        slots: &[Slot],
        what: T,
        of: impl Fn(&Socket) -> T,
    ) -> Option<Key> {
        let what = Some(what);
        let found = self.slots.find(self.hasher.hash_one(&what), |place| held(slots, *place, &of) == what);
        found.map(|place| slots[*place as usize].key(*place))
    }

    /// All that hold this.
    pub(super) fn find_all<'a, T: Hash + Eq>(
        &'a self,
        slots: &'a [Slot],
        what: T,
        of: impl Fn(&Socket) -> T,
    ) -> impl Iterator<Item = (Key, &'a Socket)> {
        let what = Some(what);
        self.slots.iter_hash(self.hasher.hash_one(&what)).filter_map(move |place| {
            let slot = &slots[*place as usize];
            let found = held(slots, *place, &of) == what;
            slot.socket.as_ref().filter(|_| found).map(|socket| (slot.key(*place), socket))
        })
    }

    /// Puts in a slot beside those that hold the same.
    pub(super) fn add<T: Hash + Eq>(&mut self, slots: &[Slot], place: u32, of: impl Fn(&Socket) -> T) {
        let Self { slots: table, hasher } = self;
        let hash = |place: &u32| hasher.hash_one(held(slots, *place, &of));
        table.insert_unique(hash(&place), place, hash);
    }

    /// Puts in a slot instead of the one that holds the same.
    pub(super) fn put<T: Hash + Eq>(&mut self, slots: &[Slot], place: u32, of: impl Fn(&Socket) -> T) {
        let Self { slots: table, hasher } = self;
        let what = held(slots, place, &of);
        let hash = |place: &u32| hasher.hash_one(held(slots, *place, &of));
        let same = |other: &u32| held(slots, *other, &of) == what;
        table.entry(hash(&place), same, hash).insert(place);
    }

    /// Takes out a slot, if it is in.
    pub(super) fn remove<T: Hash + Eq>(&mut self, slots: &[Slot], place: u32, of: impl Fn(&Socket) -> T) {
        let hash = self.hasher.hash_one(held(slots, place, &of));
        if let Ok(found) = self.slots.find_entry(hash, |other| *other == place) {
            found.remove();
        }
    }
}

fn held<T>(slots: &[Slot], place: u32, of: &impl Fn(&Socket) -> T) -> Option<T> {
    slots[place as usize].socket.as_ref().map(of)
}
