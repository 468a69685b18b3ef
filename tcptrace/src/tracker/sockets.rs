//! The open sockets, findable by cookie, by address in memory, by tuple and, when they listen, by port.

mod listed;
mod listeners;
mod pairing;

use foldhash::{HashMap, HashSet};

use super::socket::{Key, Socket, Table};
use crate::{
    address::{Endpoint, Netns, Tuple},
    event::{Event, Note},
    record::{ConnectionId, Record, SocketId, Subject},
    tcp::TcpState,
};
pub(super) use listeners::Closing;
use pairing::Shared;

/// The table and its indexes.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    last_serial: u64,
    last_connection: u64,
    table: Table,
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
    /// When it began, nanoseconds, if that was seen.
    pub(super) since: Option<u64>,
    /// The record of that, if it is not told yet.
    pub(super) held: Vec<Record>,
}

impl Sockets {
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// No index holds more than the table.
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
        self.table.set_pointer(key, Some(pointer));
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
        let is_child = socket.unfinished && !socket.request;
        // A child begins as a copy of its listener, but has a peer.
        let has_peer = socket.unfinished || socket.tuple().remote.is_set();
        let listens = socket.state == TcpState::Listen && socket.tuple().local.is_set() && !has_peer;
        let key = self.table.insert(socket);
        if is_child {
            self.unfinished.insert(key);
        }
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
            && (socket.cookie().is_none() || event.cookie.is_none())
        {
            return Some(key);
        }
        // One that existed before the trace, on a kernel that shows no cookie in the event.
        let mut found = self.found_at(event.cookie, event.netns, event.tuple);
        let only = found.next()?;
        found.next().is_none().then_some(only)
    }

    /// Sockets from before the trace that no event was about yet, and that could be this one; in no order.
    fn found_at(&self, cookie: Option<u64>, netns: Option<Netns>, tuple: Tuple) -> impl Iterator<Item = Key> {
        let could_be = self.table.with_tuple(tuple).filter(move |(_, socket)| {
            socket.pointer().is_none()
                && (socket.cookie().is_none() || cookie.is_none())
                && same(socket.netns(), netns)
        });
        could_be.map(|(key, _)| key)
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
            if let Some(child) = self.table.get_mut(key) {
                child.change(|passing| passing.without_request = None);
            }
            if let Some(socket) = self.table.get_mut(key) {
                socket.set_since(request.since);
                let before = socket.change(|passing| std::mem::replace(&mut passing.held, request.held));
                self.extra -= i64::try_from(before.len()).unwrap_or(0);
            }
        }
        let Some(socket) = self.table.get_mut(key) else { return };
        if socket.passing().connecting.is_some() {
            socket.change(|passing| passing.connecting = None);
        }
        socket.lives_in(event.netns);
        let (place, known, before) = (socket.pointer(), socket.cookie(), *socket.tuple());
        if place != Some(event.pointer) {
            self.moves(key, event.pointer);
        }
        if let (None, Some(cookie)) = (known, event.cookie) {
            self.table.set_cookie(key, cookie);
            if let Some(socket) = self.table.get_mut(key).filter(|socket| socket.unfinished) {
                socket.call(named.unwrap_or(SocketId::Cookie(cookie)));
            }
        }
        // A port that is 0 in an event is one that is not known there; what was known stays.
        let end = |told: Endpoint, known: Endpoint| if told.is_set() { told } else { known };
        let after = Tuple {
            local: end(event.tuple.local, before.local),
            remote: end(event.tuple.remote, before.remote),
        };
        if after != before {
            self.forget_listener(before.local.port, key);
            self.table.set_tuple(key, after);
        }
        let listens = event.from == TcpState::Listen;
        if !listens && (after != before || self.get(key).is_some_and(|socket| socket.connection().is_none()))
        {
            self.connect(key);
        }
        self.release(key, out);
    }

    /// Hands on a record, or holds it back until the socket's name and addresses are known.
    pub(super) fn tell(&mut self, key: Key, record: Record, out: &mut Vec<Record>) {
        match self.table.get_mut(key) {
            Some(socket) if socket.unfinished => socket.change(|passing| passing.held.push(record)),
            _ => out.push(record),
        }
    }

    /// Ends the life of a socket.
    pub(super) fn end(&mut self, key: Key, out: &mut Vec<Record>) {
        self.release(key, out);
        self.leave(key);
        let Some(socket) = self.table.remove(key) else { return };
        self.unwatched.remove(&key);
        self.forget_listener(socket.tuple().local.port, key);
    }

    /// Forgets a request socket: its child is told from now on, in its place in the connection.
    pub(super) fn take_request(
        &mut self,
        cookie: Option<u64>,
        netns: Option<Netns>,
        tuple: &Tuple,
    ) -> Option<Request> {
        let is_request = |socket: &Socket| socket.request || is_found_request(socket);
        let same_ends = || {
            let there = self.table.with_tuple(*tuple);
            let requests = there.filter(|(_, socket)| socket.request && same(socket.netns(), netns));
            requests.map(|(key, _)| key).max()
        };
        let key = cookie
            .and_then(|cookie| self.with_cookie(cookie))
            .filter(|key| self.get(*key).is_some_and(is_request))
            .or_else(same_ends)
            .or_else(|| self.found_at(cookie, netns, *tuple).min())
            .filter(|key| self.get(*key).is_some_and(is_request))?;
        let socket = self.table.get_mut(key)?;
        let place = socket.connection();
        socket.set_connection(None);
        let name = (!socket.unfinished).then_some(socket.id());
        let (since, held) = (socket.since(), socket.take_held());
        self.end(key, &mut Vec::new());
        Some(Request { place, name, since, held })
    }

    /// The request from before the trace that a note is the first to speak of, from now on found by its place in memory. Whoever
    /// listed it gave it its cookie; the note may be older.
    pub(super) fn found_request(&mut self, note: &Note) -> Option<Key> {
        let is_it = |key: &Key| self.get(*key).is_some_and(is_found_request);
        let key = note
            .cookie
            .and_then(|cookie| self.with_cookie(cookie))
            .or_else(|| self.found_at(note.cookie, note.netns, note.tuple).min())
            .filter(is_it)?;
        self.moves(key, note.pointer);
        self.get_mut(key)?.request = true;
        Some(key)
    }

    /// Names a request socket that had no cookie at first, if somebody has asked for it since.
    pub(super) fn identify(&mut self, key: Key, cookie: Option<u64>) {
        if let (Some(cookie), Some(socket)) = (cookie, self.get(key))
            && socket.unfinished
            && socket.cookie().is_none()
        {
            self.table.set_cookie_unless_taken(key, cookie);
            self.table.get_mut(key).into_iter().for_each(|socket| socket.call(SocketId::Cookie(cookie)));
        }
    }

    /// Whether a child of the listener at this end is about to be finished: then a request there is completed.
    pub(super) fn awaits_child(&self, netns: Option<Netns>, local: Endpoint) -> bool {
        let mut children = self.unfinished.iter().filter_map(|key| self.get(*key));
        children.any(|child| child.tuple().local.port == local.port && same(child.netns(), netns))
    }

    /// Hands on everything that is still held back.
    pub(super) fn release_all(&mut self, out: &mut Vec<Record>) {
        let mut keys: Vec<_> =
            self.table.iter().filter(|(_, socket)| socket.unfinished).map(|(key, _)| key).collect();
        keys.sort_unstable();
        for key in keys {
            self.release(key, out);
        }
    }

    pub(super) fn release(&mut self, key: Key, out: &mut Vec<Record>) {
        let Some(socket) = self.table.get_mut(key).filter(|socket| socket.unfinished) else { return };
        socket.unfinished = false;
        self.unfinished.remove(&key);
        let (subject, held) = (socket.subject(), socket.take_held());
        for record in held {
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
        if let Some(socket) = self.table.get_mut(key) {
            socket.stand_in = true;
        }
    }
}

/// A request socket that a list showed, and that nothing has told of.
fn is_found_request(socket: &Socket) -> bool {
    socket.state == TcpState::SynRecv && socket.pointer().is_none() && !socket.unfinished
}

/// Whether two sockets can be in the same namespace.
fn same(a: Option<Netns>, b: Option<Netns>) -> bool {
    a.is_none() || b.is_none() || a == b
}

/// Whether an event can be about a socket, going by its ends alone: one that both know is the same. A child has any
/// address of its listener until it is finished; a listener has no other end as long as it listens.
fn fits(socket: &Socket, event: &Event) -> bool {
    let any = socket.unfinished && socket.tuple().local.address.is_unspecified();
    let end = |known: &Endpoint, told: &Endpoint, any: bool| {
        !known.is_set()
            || !told.is_set()
            || (known.port == told.port && (any || known.address == told.address))
    };
    end(&socket.tuple().local, &event.tuple.local, any)
        && end(&socket.tuple().remote, &event.tuple.remote, false)
        && !(socket.state == TcpState::Listen && event.tuple.remote.is_set())
        && !(event.from == TcpState::Listen && socket.tuple().remote.is_set())
}
