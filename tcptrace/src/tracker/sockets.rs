//! The open sockets, findable by cookie, by address in memory, by tuple and, when they listen, by port.

mod listed;
mod listeners;
mod pairing;

use foldhash::{HashMap, HashSet};

use super::socket::Socket;
use crate::{
    address::{Endpoint, Netns, Tuple},
    event::Event,
    record::{ConnectionId, Record, SocketId, Subject},
    tcp::TcpState,
    time::Moment,
};
pub(super) use listeners::Closing;
use pairing::Shared;

/// Our own name for a table entry; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Key(u64);

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
    /// Children whose ends are not known yet.
    unfinished: HashSet<Key>,
    /// Minisockets of which nothing tells when they end.
    unwatched: HashSet<Key>,
    /// Steps that were told of notes, less the events that reported one of them again.
    extra: i64,
}

/// What a request socket leaves to its child.
#[derive(Debug)]
pub(super) struct Request {
    /// Its place in the connection.
    pub(super) place: Option<ConnectionId>,
    /// The name that it was told under already: one life has one name.
    pub(super) name: Option<SocketId>,
    /// Its own account of its beginning, where that was seen: when, and the record if it is not told yet.
    pub(super) noted: Option<(Option<Moment>, Vec<Record>)>,
}

impl Sockets {
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// No index holds more than the table.
    #[cfg(test)]
    pub(super) fn check(&self) {
        let of = |keys: &HashMap<u64, Key>| keys.values().all(|key| self.table.contains_key(key));
        assert!(of(&self.by_cookie) && of(&self.by_pointer), "{self:?}");
        assert!(self.by_cookie.len() <= self.len() && self.by_pointer.len() <= self.len(), "{self:?}");
        assert_eq!(self.by_tuple.values().map(Vec::len).sum::<usize>(), self.len(), "{self:?}");
        let listens = |port: &u16, key| {
            self.get(key)
                .is_some_and(|socket| socket.tuple.local.port == *port && socket.state == TcpState::Listen)
        };
        let listeners = |(port, keys): (_, &Vec<_>)| keys.iter().all(|key| listens(port, *key));
        assert!(self.listeners.iter().all(listeners), "{self:?}");
        assert!(self.connections.len() <= self.len(), "{self:?}");
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

    pub(super) fn with_id(&self, id: SocketId) -> Option<&Socket> {
        match id {
            SocketId::Cookie(cookie) => self.get(self.with_cookie(cookie)?),
            SocketId::Serial(_) => self.table.values().find(|socket| socket.id == id),
        }
    }

    pub(super) fn with_pointer(&self, pointer: u64) -> Option<Key> {
        self.by_pointer.get(&pointer).copied()
    }

    /// Steps that were told besides those that events report.
    pub(super) const fn extra(&self) -> i64 {
        self.extra
    }

    /// Counts a step that was told of a note (1), or an event that reported such a step again (-1).
    pub(super) const fn count_extra(&mut self, count: i64) {
        self.extra += count;
    }

    /// Gives a socket another place in memory: that of the minisocket that takes over.
    pub(super) fn moves(&mut self, key: Key, pointer: u64) {
        let Some(socket) = self.table.get_mut(&key) else { return };
        let before = socket.pointer.replace(pointer);
        self.by_pointer.insert(pointer, key);
        if let Some(before) = before.filter(|before| *before != pointer)
            && self.by_pointer.get(&before) == Some(&key)
        {
            self.by_pointer.remove(&before);
        }
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
        if socket.unfinished && !socket.request {
            self.unfinished.insert(key);
        }
        // A child begins as a copy of its listener, but has a peer.
        let has_peer = socket.unfinished || socket.tuple.remote.is_set();
        let listens = socket.state == TcpState::Listen && socket.tuple.local.is_set() && !has_peer;
        self.table.insert(key, socket);
        if listens {
            self.listens(key);
        }
        key
    }

    /// The socket that an event in the middle of a life is about.
    pub(super) fn find(&self, event: &Event) -> Option<Key> {
        let at_pointer = self
            .with_pointer(event.pointer)
            .filter(|key| self.get(*key).is_some_and(|socket| fits(socket, event)));
        // Before its cookie: that one may be known from the request that a child comes from.
        if let Some(key) = at_pointer.filter(|key| self.get(*key).is_some_and(|socket| socket.unfinished)) {
            return Some(key);
        }
        if let Some(key) = event.cookie.and_then(|cookie| self.with_cookie(cookie)) {
            return Some(key);
        }
        if let Some(key) = at_pointer
            && let Some(socket) = self.get(key)
            && (socket.cookie.is_none() || event.cookie.is_none())
        {
            return Some(key);
        }
        // One that existed before the trace, on a kernel that shows no cookie in the event.
        let mut found = self.found_at(event.cookie, event.netns, &event.tuple);
        let only = found.next()?;
        found.next().is_none().then_some(only)
    }

    /// Sockets from before the trace that no event was about yet, and that could be this one.
    fn found_at(
        &self,
        cookie: Option<u64>,
        netns: Option<Netns>,
        tuple: &Tuple,
    ) -> impl Iterator<Item = Key> {
        self.by_tuple.get(tuple).into_iter().flatten().copied().filter(move |key| {
            self.get(*key).is_some_and(|socket| {
                socket.pointer.is_none()
                    && (socket.cookie.is_none() || cookie.is_none())
                    && same(socket.netns, netns)
            })
        })
    }

    /// Takes over what an event tells of a socket that is in the table already.
    pub(super) fn learn(&mut self, key: Key, event: &Event, out: &mut Vec<Record>) {
        let unfinished = self.get(key).is_some_and(|socket| socket.unfinished);
        let mut named = None;
        if unfinished && let Some(request) = self.take_request(event.cookie, event.netns, &event.tuple) {
            named = request.name;
            if let Some(place) = request.place {
                self.connect_as(key, place);
            }
            if let Some(child) = self.table.get_mut(&key) {
                child.without_request = None;
            }
            if let (Some((since, held)), Some(socket)) = (request.noted, self.table.get_mut(&key)) {
                self.extra -= i64::try_from(socket.held.len()).unwrap_or(0);
                socket.since = since;
                socket.held = held;
            }
        }
        let Some(socket) = self.table.get_mut(&key) else { return };
        socket.connecting = None;
        if socket.pointer != Some(event.pointer) {
            self.moves(key, event.pointer);
        }
        let Some(socket) = self.table.get_mut(&key) else { return };
        if let (None, Some(cookie)) = (socket.cookie, event.cookie) {
            socket.cookie = Some(cookie);
            self.by_cookie.insert(cookie, key);
            if socket.unfinished {
                socket.id = named.unwrap_or(SocketId::Cookie(cookie));
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
            self.forget_listener(before.local.port, key);
            self.forget_tuple(before, key);
            self.by_tuple.entry(after).or_default().push(key);
        }
        let listens = event.from == TcpState::Listen;
        if !listens && (after != before || self.get(key).is_some_and(|socket| socket.connection.is_none())) {
            self.connect(key);
        }
        self.release(key, out);
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
        self.unwatched.remove(&key);
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
        self.forget_listener(socket.tuple.local.port, key);
    }

    /// Forgets a request socket: its child is told from now on, in its place in the connection.
    pub(super) fn take_request(
        &mut self,
        cookie: Option<u64>,
        netns: Option<Netns>,
        tuple: &Tuple,
    ) -> Option<Request> {
        let is_request = |socket: &Socket| {
            socket.request
                || socket.state == TcpState::SynRecv && socket.pointer.is_none() && !socket.unfinished
        };
        let same_ends = || {
            let keys = self.by_tuple.get(tuple)?;
            keys.iter()
                .rev()
                .copied()
                .find(|key| self.get(*key).is_some_and(|socket| socket.request && same(socket.netns, netns)))
        };
        let key = cookie
            .and_then(|cookie| self.with_cookie(cookie))
            .filter(|key| self.get(*key).is_some_and(is_request))
            .or_else(same_ends)
            .or_else(|| self.found_at(cookie, netns, tuple).next())
            .filter(|key| self.get(*key).is_some_and(is_request))?;
        let socket = self.table.get_mut(&key)?;
        let place = socket.connection.take();
        let name = (socket.request && !socket.unfinished).then_some(socket.id);
        let noted = socket.request.then(|| (socket.since, std::mem::take(&mut socket.held)));
        self.end(key, &mut Vec::new());
        Some(Request { place, name, noted })
    }

    /// Names a request socket that had no cookie at first, if somebody has asked for it since.
    pub(super) fn identify(&mut self, key: Key, cookie: Option<u64>) {
        if let (Some(cookie), Some(socket)) = (cookie, self.table.get_mut(&key))
            && socket.unfinished
            && socket.cookie.is_none()
        {
            socket.cookie = Some(cookie);
            socket.id = SocketId::Cookie(cookie);
            self.by_cookie.entry(cookie).or_insert(key);
        }
    }

    /// Whether a child of the listener at this end is about to be finished: then a request there is completed.
    pub(super) fn awaits_child(&self, netns: Option<Netns>, local: Endpoint) -> bool {
        let mut children = self.unfinished.iter().filter_map(|key| self.get(*key));
        children.any(|child| child.tuple.local.port == local.port && same(child.netns, netns))
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

    pub(super) fn release(&mut self, key: Key, out: &mut Vec<Record>) {
        let Some(socket) = self.table.get_mut(&key).filter(|socket| socket.unfinished) else { return };
        socket.unfinished = false;
        self.unfinished.remove(&key);
        let subject = socket.subject();
        for record in std::mem::take(&mut socket.held) {
            out.push(self.renamed(record, subject.clone()));
        }
    }

    /// A record that was held back, about the socket as it is known now.
    pub(super) fn renamed(&mut self, mut record: Record, subject: Subject) -> Record {
        if let Record::Transition(transition) = &mut record {
            transition.since_first_ns = subject.connection.map(|id| self.since_first(id, transition.at));
            transition.subject = subject;
        }
        record
    }

    /// A minisocket takes over: it has the cookie and the ends, but lives elsewhere in memory.
    pub(super) fn stands_in(&mut self, key: Key, pointer: u64) {
        self.moves(key, pointer);
        if let Some(socket) = self.table.get_mut(&key) {
            socket.stand_in = true;
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

/// Whether an event can be about a socket, going by its ends alone: one that both know is the same. A child has any
/// address of its listener until it is finished; a listener has no other end as long as it listens.
fn fits(socket: &Socket, event: &Event) -> bool {
    let any = socket.unfinished && socket.tuple.local.address.is_unspecified();
    let end = |known: &Endpoint, told: &Endpoint, any: bool| {
        !known.is_set()
            || !told.is_set()
            || (known.port == told.port && (any || known.address == told.address))
    };
    end(&socket.tuple.local, &event.tuple.local, any)
        && end(&socket.tuple.remote, &event.tuple.remote, false)
        && !(socket.state == TcpState::Listen && event.tuple.remote.is_set())
}
