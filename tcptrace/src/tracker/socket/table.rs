//! The sockets in one vector of slots, with indexes that hold nothing but slots and look at what is in them.

mod chains;
mod index;
#[cfg(test)]
mod tests;

use super::{PackedU64, Socket};
use crate::address::Tuple;
use chains::Chains;
use index::Index;

/// Most sockets with the same ends that a search looks at, which bounds the time of an event. Some are usual: a host has
/// several namespaces with the same addresses, and several threads that connect to one server.
const MOST_ALIKE: usize = 64;

/// Name of a socket in the table: never reused, and greater than that of any older socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::tracker) struct Key {
    generation: u64,
    slot: u32,
}

#[derive(Debug)]
struct Slot {
    /// Generation of the slot's current or last socket.
    generation: u64,
    socket: Option<Socket>,
}

impl Slot {
    const fn key(&self, slot: u32) -> Key {
        Key { generation: self.generation, slot }
    }
}

/// Sockets by key, by cookie, by place in memory and by ends.
#[derive(Debug, Default)]
pub(in crate::tracker) struct Table {
    last_generation: u64,
    slots: Vec<Slot>,
    free: Vec<u32>,
    by_cookie: Index,
    by_pointer: Index,
    by_tuple: Chains,
}

impl Table {
    pub(in crate::tracker) const fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub(in crate::tracker) fn get(&self, key: Key) -> Option<&Socket> {
        self.slots.get(key.slot as usize).filter(|slot| slot.generation == key.generation)?.socket.as_ref()
    }

    pub(in crate::tracker) fn get_mut(&mut self, key: Key) -> Option<&mut Socket> {
        self.slots
            .get_mut(key.slot as usize)
            .filter(|slot| slot.generation == key.generation)?
            .socket
            .as_mut()
    }

    /// Checks that the indexes find what there is, and nothing else.
    #[cfg(test)]
    pub(in crate::tracker) fn check(&self) {
        for (key, socket) in self.iter() {
            let alike = self.by_tuple.find_all(&self.slots, socket.tuple);
            assert_eq!(alike.filter(|(found, _)| *found == key).count(), 1, "{self:?}");
        }
        assert!(self.by_cookie.len() <= self.len() && self.by_pointer.len() <= self.len(), "{self:?}");
    }

    /// All sockets, in no order.
    pub(in crate::tracker) fn iter(&self) -> impl Iterator<Item = (Key, &Socket)> {
        (0..).zip(&self.slots).filter_map(|(index, slot)| Some((slot.key(index), slot.socket.as_ref()?)))
    }

    /// Key of the socket that got this cookie last.
    pub(in crate::tracker) fn with_cookie(&self, cookie: u64) -> Option<Key> {
        self.by_cookie.find(&self.slots, PackedU64(cookie), |socket| socket.cookie)
    }

    /// Key of the socket that was seen last at this place in memory.
    pub(in crate::tracker) fn with_pointer(&self, pointer: u64) -> Option<Key> {
        self.by_pointer.find(&self.slots, PackedU64(pointer), |socket| socket.pointer)
    }

    /// Sockets that have these ends; of very many the latest [`MOST_ALIKE`].
    pub(in crate::tracker) fn with_tuple(&self, tuple: Tuple) -> impl Iterator<Item = (Key, &Socket)> {
        self.by_tuple.find_all(&self.slots, tuple).take(MOST_ALIKE)
    }

    pub(in crate::tracker) fn insert(&mut self, socket: Socket) -> Key {
        self.last_generation += 1;
        let (cookie, pointer) = (socket.cookie, socket.pointer);
        let taken = Slot { generation: self.last_generation, socket: Some(socket) };
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: 0, socket: None });
            // More sockets than these 32 bits count fit into no memory.
            (self.slots.len() - 1) as u32
        });
        self.slots[slot as usize] = taken;
        self.by_tuple.add(&self.slots, slot);
        if cookie != PackedU64::NONE {
            self.by_cookie.put(&self.slots, slot, |socket| socket.cookie);
        }
        if pointer != PackedU64::NONE {
            self.by_pointer.put(&self.slots, slot, |socket| socket.pointer);
        }
        Key { generation: self.last_generation, slot }
    }

    pub(in crate::tracker) fn remove(&mut self, key: Key) -> Option<Socket> {
        let Socket { cookie, pointer, .. } = *self.get(key)?;
        if cookie != PackedU64::NONE {
            self.by_cookie.remove(&self.slots, key.slot, |socket| socket.cookie);
        }
        if pointer != PackedU64::NONE {
            self.by_pointer.remove(&self.slots, key.slot, |socket| socket.pointer);
        }
        self.by_tuple.remove(&self.slots, key.slot);
        self.free.push(key.slot);
        self.slots[key.slot as usize].socket.take()
    }

    /// Gives a socket that has none its cookie; another one that has the same is not found by it any longer.
    pub(in crate::tracker) fn set_cookie(&mut self, key: Key, cookie: u64) {
        let Some(socket) = self.get_mut(key) else { return };
        socket.cookie = PackedU64(cookie);
        self.by_cookie.put(&self.slots, key.slot, |socket| socket.cookie);
    }

    /// Gives a socket that has none its cookie; another one that is found by the same still is.
    pub(in crate::tracker) fn set_cookie_unless_taken(&mut self, key: Key, cookie: u64) {
        match (self.with_cookie(cookie), self.get_mut(key)) {
            (Some(_), Some(socket)) => socket.cookie = PackedU64(cookie),
            _ => self.set_cookie(key, cookie),
        }
    }

    /// Gives a socket another place in memory, or none; another one that was seen there is not found by it any longer.
    pub(in crate::tracker) fn set_pointer(&mut self, key: Key, pointer: Option<u64>) {
        let (Some(before), pointer) = (self.get(key).map(|socket| socket.pointer), PackedU64::from(pointer))
        else {
            return;
        };
        if before != PackedU64::NONE {
            self.by_pointer.remove(&self.slots, key.slot, |socket| socket.pointer);
        }
        if let Some(socket) = self.get_mut(key) {
            socket.pointer = pointer;
        }
        if pointer != PackedU64::NONE {
            self.by_pointer.put(&self.slots, key.slot, |socket| socket.pointer);
        }
    }

    /// Gives a socket other ends.
    pub(in crate::tracker) fn set_tuple(&mut self, key: Key, tuple: Tuple) {
        if self.get(key).is_none() {
            return;
        }
        self.by_tuple.remove(&self.slots, key.slot);
        if let Some(socket) = self.get_mut(key) {
            socket.tuple = tuple;
        }
        self.by_tuple.add(&self.slots, key.slot);
    }
}
