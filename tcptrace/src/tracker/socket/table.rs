//! The sockets in slots. A key is one socket's for good; the indexes hold nothing but slots, and look at what is in them.

mod index;
#[cfg(test)]
mod tests;

use super::{PackedU64, Socket};
use crate::address::Tuple;
use index::Index;

/// Our own name for a socket; never reused. The older one is the smaller one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::tracker) struct Key {
    born: u64,
    slot: u32,
}

#[derive(Debug)]
struct Slot {
    /// Of the socket that is in it, or was the last one.
    born: u64,
    socket: Option<Socket>,
}

impl Slot {
    const fn key(&self, place: u32) -> Key {
        Key { born: self.born, slot: place }
    }
}

/// Sockets by key, by cookie, by place in memory and by ends.
#[derive(Debug, Default)]
pub(in crate::tracker) struct Table {
    last: u64,
    slots: Vec<Slot>,
    free: Vec<u32>,
    by_cookie: Index,
    by_pointer: Index,
    by_tuple: Index,
}

impl Table {
    pub(in crate::tracker) const fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub(in crate::tracker) fn get(&self, key: Key) -> Option<&Socket> {
        self.slots.get(key.slot as usize).filter(|slot| slot.born == key.born)?.socket.as_ref()
    }

    pub(in crate::tracker) fn get_mut(&mut self, key: Key) -> Option<&mut Socket> {
        self.slots.get_mut(key.slot as usize).filter(|slot| slot.born == key.born)?.socket.as_mut()
    }

    /// The indexes find what there is, and nothing else.
    #[cfg(test)]
    pub(in crate::tracker) fn check(&self) {
        assert_eq!(self.by_tuple.len(), self.len(), "{self:?}");
        for (key, socket) in self.iter() {
            assert!(self.with_tuple(socket.tuple).any(|(found, _)| found == key), "{self:?}");
        }
        assert!(self.by_cookie.len() <= self.len() && self.by_pointer.len() <= self.len(), "{self:?}");
    }

    /// All of them, in no order.
    pub(in crate::tracker) fn iter(&self) -> impl Iterator<Item = (Key, &Socket)> {
        (0..).zip(&self.slots).filter_map(|(place, slot)| Some((slot.key(place), slot.socket.as_ref()?)))
    }

    /// Of those that have this cookie the one that got it last.
    pub(in crate::tracker) fn with_cookie(&self, cookie: u64) -> Option<Key> {
        self.by_cookie.find(&self.slots, PackedU64(cookie), |socket| socket.cookie)
    }

    /// Of those that were seen at this place in memory the last one.
    pub(in crate::tracker) fn with_pointer(&self, pointer: u64) -> Option<Key> {
        self.by_pointer.find(&self.slots, PackedU64(pointer), |socket| socket.pointer)
    }

    /// All that have these ends, in no order.
    pub(in crate::tracker) fn with_tuple(&self, tuple: Tuple) -> impl Iterator<Item = (Key, &Socket)> {
        self.by_tuple.find_all(&self.slots, tuple, |socket| socket.tuple)
    }

    pub(in crate::tracker) fn insert(&mut self, socket: Socket) -> Key {
        self.last += 1;
        let (cookie, pointer) = (socket.cookie, socket.pointer);
        let taken = Slot { born: self.last, socket: Some(socket) };
        let place = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { born: 0, socket: None });
            // More sockets than these 32 bits count fit into no memory.
            (self.slots.len() - 1) as u32
        });
        self.slots[place as usize] = taken;
        self.by_tuple.add(&self.slots, place, |socket| socket.tuple);
        if cookie != PackedU64::NONE {
            self.by_cookie.put(&self.slots, place, |socket| socket.cookie);
        }
        if pointer != PackedU64::NONE {
            self.by_pointer.put(&self.slots, place, |socket| socket.pointer);
        }
        Key { born: self.last, slot: place }
    }

    pub(in crate::tracker) fn remove(&mut self, key: Key) -> Option<Socket> {
        let Socket { cookie, pointer, .. } = *self.get(key)?;
        if cookie != PackedU64::NONE {
            self.by_cookie.remove(&self.slots, key.slot, |socket| socket.cookie);
        }
        if pointer != PackedU64::NONE {
            self.by_pointer.remove(&self.slots, key.slot, |socket| socket.pointer);
        }
        self.by_tuple.remove(&self.slots, key.slot, |socket| socket.tuple);
        self.free.push(key.slot);
        self.slots[key.slot as usize].socket.take()
    }

    /// Gives a socket that has none its cookie. Who had the same one is not found by it any longer.
    pub(in crate::tracker) fn set_cookie(&mut self, key: Key, cookie: u64) {
        let Some(socket) = self.get_mut(key) else { return };
        socket.cookie = PackedU64(cookie);
        self.by_cookie.put(&self.slots, key.slot, |socket| socket.cookie);
    }

    /// The same, unless another socket is found by it: that one still is.
    pub(in crate::tracker) fn set_cookie_unless_taken(&mut self, key: Key, cookie: u64) {
        match (self.with_cookie(cookie), self.get_mut(key)) {
            (Some(_), Some(socket)) => socket.cookie = PackedU64(cookie),
            _ => self.set_cookie(key, cookie),
        }
    }

    /// Gives a socket another place in memory, or none. Who was seen there before is not found by it any longer.
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
        self.by_tuple.remove(&self.slots, key.slot, |socket| socket.tuple);
        if let Some(socket) = self.get_mut(key) {
            socket.tuple = tuple;
        }
        self.by_tuple.add(&self.slots, key.slot, |socket| socket.tuple);
    }
}
