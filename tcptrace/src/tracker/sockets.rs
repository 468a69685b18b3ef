//! The open sockets, findable by cookie, by address in memory, by tuple and, when they listen, by port.

mod dumped;
mod held;
mod listeners;
mod pairing;
mod requests;
mod search;
mod update;

use foldhash::{HashMap, HashSet};

use super::socket::{Key, Socket, Table};
use crate::{
    address::Netns,
    record::{ConnectionId, Record, SocketId},
    tcp::TcpState,
};
pub(super) use listeners::ClosingListener;
use pairing::Shared;
pub(super) use requests::Request;

/// The table of sockets and its indexes.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    last_serial: u64,
    last_connection: u64,
    table: Table,
    listeners: HashMap<u16, Vec<Key>>,
    connections: HashMap<ConnectionId, Shared>,
    /// Children whose ends are not known yet.
    unfinished: HashSet<Key>,
    /// Minisockets whose end only a dump can show.
    unwatched: HashSet<Key>,
    /// Number of steps that were emitted for socket events, less the state changes that reported one of them again.
    extra: i64,
}

impl Sockets {
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// Checks that no index holds more than the table.
    #[cfg(test)]
    pub(super) fn check(&self) {
        self.table.check();
        let listens = |port: &u16, key| {
            self.get(key)
                .is_some_and(|socket| socket.tuple().local.port == *port && socket.state == TcpState::Listen)
        };
        let listeners = |(port, keys): (_, &Vec<_>)| keys.iter().all(|key| listens(port, *key));
        assert!(self.listeners.iter().all(listeners), "{self:?}");
        assert!(self.connections.len() <= self.len(), "{self:?}");
    }

    pub(super) fn get(&self, key: Key) -> Option<&Socket> {
        self.table.get(key)
    }

    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut Socket> {
        self.table.get_mut(key)
    }

    pub(super) fn with_cookie(&self, cookie: u64) -> Option<Key> {
        self.table.with_cookie(cookie)
    }

    pub(super) fn with_id(&self, id: SocketId) -> Option<&Socket> {
        match id {
            SocketId::Cookie(cookie) => self.get(self.with_cookie(cookie)?),
            SocketId::Serial(_) => {
                self.table.iter().map(|(_, socket)| socket).find(|socket| socket.id() == id)
            }
        }
    }

    pub(super) fn with_pointer(&self, pointer: u64) -> Option<Key> {
        self.table.with_pointer(pointer)
    }

    /// Number of steps that were emitted besides those that state changes report.
    pub(super) const fn extra(&self) -> i64 {
        self.extra
    }

    /// Counts a step that was emitted for a socket event (1), or a state change that reported such a step again (-1).
    pub(super) const fn count_extra(&mut self, count: i64) {
        self.extra += count;
    }

    /// Returns the identity to show a new socket by.
    pub(super) fn allocate_id(&mut self, cookie: Option<u64>) -> SocketId {
        cookie.map_or_else(
            || {
                self.last_serial += 1;
                SocketId::Serial(self.last_serial)
            },
            SocketId::Cookie,
        )
    }

    pub(super) fn insert(&mut self, socket: Socket) -> Key {
        let is_child = socket.is_unfinished && !socket.is_request;
        // A child begins as a copy of its listener, but has a peer.
        let has_peer = socket.is_unfinished || socket.tuple().remote.is_set();
        let listens = socket.state == TcpState::Listen && socket.tuple().local.is_set() && !has_peer;
        let key = self.table.insert(socket);
        if is_child {
            self.unfinished.insert(key);
        }
        if listens {
            self.add_listener(key);
        }
        key
    }

    /// Removes a socket whose life is over, and emits what was held back of it.
    pub(super) fn remove(&mut self, key: Key, out: &mut Vec<Record>) {
        self.release(key, out);
        self.leave_connection(key);
        let Some(socket) = self.table.remove(key) else { return };
        self.unwatched.remove(&key);
        self.forget_listener(socket.tuple().local.port, key);
    }

    /// Replaces a full socket with its minisocket, which has the cookie and the ends, but lives elsewhere in memory;
    /// `None` if nobody has seen where.
    pub(super) fn replace_with_minisocket(&mut self, key: Key, pointer: Option<u64>) {
        self.table.set_pointer(key, pointer);
        if let Some(socket) = self.table.get_mut(key) {
            socket.is_minisocket = true;
        }
    }

    /// Sets whether the end of a minisocket is shown by nothing but a dump.
    pub(super) fn set_unwatched(&mut self, key: Key, is_unwatched: bool) {
        if is_unwatched && self.get(key).is_some() {
            self.unwatched.insert(key);
        } else {
            self.unwatched.remove(&key);
        }
    }

    /// Minisockets whose end only a dump can show.
    pub(super) const fn unwatched(&self) -> &HashSet<Key> {
        &self.unwatched
    }
}

/// Whether two sockets can be in the same namespace.
fn may_share(a: Option<Netns>, b: Option<Netns>) -> bool {
    a.is_none() || b.is_none() || a == b
}
