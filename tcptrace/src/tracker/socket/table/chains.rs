//! Slots by the ends of their sockets. Sockets with the same ends form a chain, the youngest first: however many there are, to
//! add one or to take one out costs the same. Anybody can make many of them, by connecting in vain to one address (a client
//! has no port yet), or with listeners that share a port.

use super::{Key, Slot, Socket, index::Index};
use crate::address::Tuple;

/// No slot.
const NONE: u32 = u32::MAX;

/// Neighbours of a slot in its chain.
#[derive(Clone, Copy, Debug)]
struct Link {
    younger: u32,
    older: u32,
}

/// The chains, by ends. Whoever changes a socket's ends takes its slot out before and puts it in again after.
#[derive(Debug, Default)]
pub(super) struct Chains {
    /// First slot of each chain.
    heads: Index,
    /// Links of all slots, by number.
    links: Vec<Link>,
}

const fn ends(socket: &Socket) -> Tuple {
    socket.tuple
}

impl Chains {
    /// Sockets that have these ends, the one first that got them last.
    pub(super) fn find_all<'a>(
        &'a self,
        slots: &'a [Slot],
        tuple: Tuple,
    ) -> impl Iterator<Item = (Key, &'a Socket)> {
        let head = self.heads.find(slots, tuple, ends).map(|key| key.slot);
        let older = |slot: &u32| Some(self.links[*slot as usize].older).filter(|older| *older != NONE);
        std::iter::successors(head, older).filter_map(|index| {
            let slot = &slots[index as usize];
            Some((slot.key(index), slot.socket.as_ref()?))
        })
    }

    /// Adds a slot at the beginning of its chain.
    pub(super) fn add(&mut self, slots: &[Slot], slot: u32) {
        self.links.resize(slots.len(), Link { younger: NONE, older: NONE });
        let older = self.heads.put(slots, slot, ends).unwrap_or(NONE);
        self.links[slot as usize] = Link { younger: NONE, older };
        if let Some(older) = self.links.get_mut(older as usize) {
            older.younger = slot;
        }
    }

    /// Takes out a slot that is in.
    pub(super) fn remove(&mut self, slots: &[Slot], slot: u32) {
        let Link { younger, older } = self.links[slot as usize];
        if let Some(younger) = self.links.get_mut(younger as usize) {
            younger.older = older;
        } else if older == NONE {
            self.heads.remove(slots, slot, ends);
        } else {
            // In the place of this one, which has the same ends.
            self.heads.put(slots, older, ends);
        }
        if let Some(older) = self.links.get_mut(older as usize) {
            older.younger = younger;
        }
    }
}
