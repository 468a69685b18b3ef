//! The open sockets, findable by cookie, by address in memory, by tuple and, when they listen, by port.

use std::collections::HashMap;

use super::{is_unfinished, socket::Socket};
use crate::{
    address::{Netns, Tuple},
    event::Event,
    process::Owner,
    record::{ConnectionId, Record, SocketId},
    tcp::TcpState,
    time::Moment,
};

/// Our own name for a table entry; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Key(u64);

/// What the two ends of a connection share.
#[derive(Debug, Default)]
struct Shared {
    first: Option<Moment>,
    /// Ends that are in the table now.
    open: u8,
    /// Ends that ever were.
    joined: u8,
}

/// The table and its indexes.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    last: u64,
    last_serial: u64,
    last_connection: u64,
    table: HashMap<Key, Socket>,
    by_cookie: HashMap<u64, Key>,
    by_pointer: HashMap<u64, Key>,
    by_tuple: HashMap<Tuple, Vec<Key>>,
    listeners: HashMap<u16, Vec<Key>>,
    connections: HashMap<ConnectionId, Shared>,
}

impl Sockets {
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    pub(super) fn get(&self, key: Key) -> Option<&Socket> {
        self.table.get(&key)
    }

    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut Socket> {
        self.table.get_mut(&key)
    }

    pub(super) fn with_cookie(&self, cookie: u64) -> Option<Key> {
        self.by_cookie.get(&cookie).copied()
    }

    pub(super) fn with_pointer(&self, pointer: u64) -> Option<Key> {
        self.by_pointer.get(&pointer).copied()
    }

    /// The identity to show.
    pub(super) fn name(&mut self, cookie: Option<u64>) -> SocketId {
        cookie.map_or_else(
            || {
                self.last_serial += 1;
                SocketId::Serial(self.last_serial)
            },
            SocketId::Cookie,
        )
    }

    pub(super) fn insert(&mut self, socket: Socket) -> Key {
        self.last += 1;
        let key = Key(self.last);
        if let Some(cookie) = socket.cookie {
            self.by_cookie.insert(cookie, key);
        }
        if let Some(pointer) = socket.pointer {
            self.by_pointer.insert(pointer, key);
        }
        self.by_tuple.entry(socket.tuple).or_default().push(key);
        let listens = socket.state == TcpState::Listen && socket.tuple.local.is_set() && !socket.unfinished;
        self.table.insert(key, socket);
        if listens {
            self.listens(key);
        }
        key
    }

    /// The socket that an event in the middle of a life is about.
    pub(super) fn find(&self, event: &Event) -> Option<Key> {
        if let Some(key) = event.cookie.and_then(|cookie| self.with_cookie(cookie)) {
            return Some(key);
        }
        if let Some(key) = self.with_pointer(event.pointer)
            && let Some(socket) = self.get(key)
            && (socket.cookie.is_none() || event.cookie.is_none())
        {
            return Some(key);
        }
        // One that existed before the trace, on a kernel that shows no cookie in the event.
        self.by_tuple.get(&event.tuple)?.iter().copied().find(|key| {
            self.get(*key).is_some_and(|socket| {
                socket.pointer.is_none()
                    && (socket.cookie.is_none() || event.cookie.is_none())
                    && same(socket.netns, event.netns)
            })
        })
    }

    /// Takes over what an event tells of a socket that is in the table already.
    pub(super) fn learn(&mut self, key: Key, event: &Event, out: &mut Vec<Record>) {
        let Some(socket) = self.table.get_mut(&key) else { return };
        if socket.pointer != Some(event.pointer) {
            socket.pointer = Some(event.pointer);
            self.by_pointer.insert(event.pointer, key);
        }
        if let (None, Some(cookie)) = (socket.cookie, event.cookie) {
            socket.cookie = Some(cookie);
            self.by_cookie.insert(cookie, key);
            if socket.unfinished {
                socket.id = SocketId::Cookie(cookie);
            }
        }
        socket.netns = socket.netns.or(event.netns);
        let before = socket.tuple;
        // A port that is 0 in an event is one that is not known there; what was known stays.
        if event.tuple.local.is_set() {
            socket.tuple.local = event.tuple.local;
        }
        if event.tuple.remote.is_set() {
            socket.tuple.remote = event.tuple.remote;
        }
        let after = socket.tuple;
        if after != before {
            self.forget_tuple(before, key);
            self.by_tuple.entry(after).or_default().push(key);
        }
        let listens = event.from == TcpState::Listen;
        if !listens && (after != before || self.get(key).is_some_and(|socket| socket.connection.is_none())) {
            self.connect(key);
        }
        self.release(key, out);
    }

    /// Gives a socket its connection: that of its peer on this host if there is one, else one of its own.
    pub(super) fn connect(&mut self, key: Key) {
        let Some(socket) = self.get(key) else { return };
        let own = socket.connection;
        let peer = self.peer_of(key, socket).and_then(|peer| Some((peer, self.get(peer)?.connection?)));
        match (own, peer) {
            (None, Some((_, id))) => self.join(key, id),
            (None, None) => {
                self.last_connection += 1;
                self.join(key, ConnectionId(self.last_connection));
            }
            // Both were told before they could know of each other (fast open): the older number stays.
            (Some(own), Some((peer, id))) if own != id => {
                let (mover, id) = if own < id { (peer, own) } else { (key, id) };
                self.leave(mover);
                self.join(mover, id);
            }
            (Some(_), _) => {}
        }
    }

    /// The other end of a connection within this host: the reversed tuple in the same namespace, or, unless the
    /// addresses mean something else in every namespace, in any.
    fn peer_of(&self, key: Key, socket: &Socket) -> Option<Key> {
        if !socket.tuple.is_complete() || socket.tuple.local == socket.tuple.remote {
            return None;
        }
        let anywhere = !socket.tuple.local.address.is_loopback();
        let candidates = self.by_tuple.get(&socket.tuple.reversed())?;
        let fits = |candidate: &&Key, local_only: bool| {
            **candidate != key
                && self.get(**candidate).is_some_and(|other| {
                    let free = other.connection == socket.connection
                        || other
                            .connection
                            .and_then(|id| self.connections.get(&id))
                            .is_some_and(|shared| shared.joined < 2);
                    free && (!local_only || same(other.netns, socket.netns))
                })
        };
        candidates
            .iter()
            .rev()
            .find(|candidate| fits(candidate, true))
            .or_else(|| candidates.iter().rev().find(|candidate| anywhere && fits(candidate, false)))
            .copied()
    }

    fn join(&mut self, key: Key, id: ConnectionId) {
        if let Some(socket) = self.table.get_mut(&key) {
            socket.connection = Some(id);
            let shared = self.connections.entry(id).or_default();
            shared.open += 1;
            shared.joined += 1;
        }
    }

    fn leave(&mut self, key: Key) {
        let Some(id) = self.table.get_mut(&key).and_then(|socket| socket.connection.take()) else { return };
        if let Some(shared) = self.connections.get_mut(&id) {
            shared.open -= 1;
            if shared.open == 0 {
                self.connections.remove(&id);
            }
        }
    }

    /// Since the connection's first event; this is the first if there was none.
    pub(super) fn since_first(&mut self, id: ConnectionId, at: Moment) -> u64 {
        let first = self.connections.get_mut(&id).map(|shared| *shared.first.get_or_insert(at));
        first.map_or(0, |first| at.since(first))
    }

    /// Notes that a socket listens, so that children find it.
    pub(super) fn listens(&mut self, key: Key) {
        let Some(port) = self.get(key).map(|socket| socket.tuple.local.port).filter(|port| *port != 0) else {
            return;
        };
        let keys = self.listeners.entry(port).or_default();
        if !keys.contains(&key) {
            keys.push(key);
        }
    }

    /// The owner of the listening socket that a new child comes from. If several fit, as with `SO_REUSEPORT`, they must
    /// agree: otherwise nobody knows.
    pub(super) fn listener_owner(&self, child: &Event) -> Option<Owner> {
        if is_unfinished(child)
            && let Some(listener) = child.cookie.and_then(|cookie| self.with_cookie(cookie))
        {
            return self.get(listener)?.owner;
        }
        let local = child.tuple.local;
        let rank = |socket: &Socket| {
            let address = socket.tuple.local.address;
            if address == local.address {
                Some(2)
            } else if address.is_unspecified() {
                Some(u8::from(address.is_ipv4() == local.address.is_ipv4()))
            } else {
                None
            }
        };
        let fitting = || {
            self.listeners
                .get(&local.port)
                .into_iter()
                .flatten()
                .filter_map(|key| self.get(*key))
                .filter(|socket| same(socket.netns, child.netns))
        };
        let best = fitting().filter_map(rank).max()?;
        let mut owners = fitting().filter(|socket| rank(socket) == Some(best)).map(|socket| socket.owner);
        let first = owners.next()??;
        owners.all(|owner| owner.is_some_and(|owner| owner.pid == first.pid)).then_some(first)
    }

    /// Hands on a record, or holds it back until the socket's name and addresses are known.
    pub(super) fn tell(&mut self, key: Key, record: Record, out: &mut Vec<Record>) {
        match self.table.get_mut(&key) {
            Some(socket) if socket.unfinished => socket.held.push(record),
            _ => out.push(record),
        }
    }

    /// Ends the life of a socket.
    pub(super) fn end(&mut self, key: Key, out: &mut Vec<Record>) {
        self.release(key, out);
        self.leave(key);
        let Some(socket) = self.table.remove(&key) else { return };
        if let Some(cookie) = socket.cookie
            && self.by_cookie.get(&cookie) == Some(&key)
        {
            self.by_cookie.remove(&cookie);
        }
        if let Some(pointer) = socket.pointer
            && self.by_pointer.get(&pointer) == Some(&key)
        {
            self.by_pointer.remove(&pointer);
        }
        self.forget_tuple(socket.tuple, key);
        if let Some(keys) = self.listeners.get_mut(&socket.tuple.local.port) {
            keys.retain(|other| *other != key);
            if keys.is_empty() {
                self.listeners.remove(&socket.tuple.local.port);
            }
        }
    }

    /// Forgets a request socket that was found at the start: its child has the same cookie, and is told from now on.
    pub(super) fn end_request(&mut self, cookie: Option<u64>) {
        let Some(key) = cookie.and_then(|cookie| self.with_cookie(cookie)) else { return };
        if self.get(key).is_some_and(|socket| socket.state == TcpState::SynRecv && socket.pointer.is_none()) {
            self.end(key, &mut Vec::new());
        }
    }

    /// Hands on everything that is still held back.
    pub(super) fn release_all(&mut self, out: &mut Vec<Record>) {
        let mut keys: Vec<_> =
            self.table.iter().filter(|(_, socket)| socket.unfinished).map(|(key, _)| *key).collect();
        keys.sort_unstable();
        for key in keys {
            self.release(key, out);
        }
    }

    fn release(&mut self, key: Key, out: &mut Vec<Record>) {
        let Some(socket) = self.table.get_mut(&key).filter(|socket| socket.unfinished) else { return };
        socket.unfinished = false;
        let subject = socket.subject();
        for mut record in std::mem::take(&mut socket.held) {
            if let Record::Transition(transition) = &mut record {
                transition.subject = subject;
                transition.since_first_ns = subject.connection.map(|id| self.since_first(id, transition.at));
            }
            out.push(record);
        }
    }

    fn forget_tuple(&mut self, tuple: Tuple, key: Key) {
        if let Some(keys) = self.by_tuple.get_mut(&tuple) {
            keys.retain(|other| *other != key);
            if keys.is_empty() {
                self.by_tuple.remove(&tuple);
            }
        }
    }
}

/// Whether two sockets can be in the same namespace.
fn same(a: Option<Netns>, b: Option<Netns>) -> bool {
    a.is_none() || b.is_none() || a == b
}
