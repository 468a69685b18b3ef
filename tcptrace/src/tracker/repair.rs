//! After a loss: what the tracker believes, held against the kernel's list of all sockets.
//!
//! The list is true of some moment after it was asked for, each entry of its own. So whatever has changed since is left to its
//! events, which are yet to be applied: a socket that they speak of is not judged by the list.

use std::collections;

use foldhash::HashSet;

use super::{Key, SocketInfo, Tracker, begun_requests, is_unfinished, merge, socket::Socket};
use crate::{
    address::{Netns, Tuple},
    event::{RawEvent, StateChange},
    record::{Inference, Record},
    tcp::TcpState,
    time::Moment,
};

/// A list of all sockets.
#[derive(Clone, Debug)]
pub struct SockDiagDump {
    /// When it was asked for.
    pub requested_at: Moment,
    /// What it shows.
    pub found: Vec<SocketInfo>,
    /// The network namespaces that it is about.
    pub namespaces: collections::HashSet<Netns>,
}

impl Tracker {
    /// Takes in a list that was asked for because events were lost, before what came `since`, in order of time: sockets
    /// elsewhere than was believed, sockets that are gone, sockets that nothing told of.
    pub fn repair(&mut self, list: SockDiagDump, since: &[RawEvent], out: &mut Vec<Record>) {
        let SockDiagDump { requested_at, found, namespaces } = list;
        let events: Vec<StateChange> = since.iter().filter_map(RawEvent::state_change).cloned().collect();
        let before =
            since.first().map_or(requested_at.mono_ns, |first| first.mono_ns().min(requested_at.mono_ns));
        let told_of = ToldOf::by(since);
        let mut listed = HashSet::default();
        let mut unknown = Vec::new();
        for found in merge(found, &events, &begun_requests(since)) {
            match self.sockets.listed_as(&found, &listed)[..] {
                [key] => {
                    listed.insert(key);
                    if self.is_judged(key, requested_at, &told_of) {
                        self.put_right(requested_at, key, &found, out);
                    }
                }
                [] if found.state == TcpState::Close => {}
                // Perhaps the child that is not finished: its next event tells.
                [] if self.sockets.awaits_child(found.netns, found.tuple.local) => {}
                [] => unknown.push(found),
                // Clients that call the same end, their ports not known yet: the next event of each tells.
                ref several => listed.extend(several),
            }
        }
        for key in self.sockets.keys() {
            // A namespace that the list is not about may be one that only a descriptor keeps.
            let visible = |socket: &Socket| socket.netns().is_none_or(|netns| namespaces.contains(&netns));
            if !listed.contains(&key)
                && self.sockets.get(key).is_some_and(visible)
                && self.is_judged(key, requested_at, &told_of)
            {
                self.sockets.release(key, out);
                self.unseen(requested_at, key, TcpState::Close, Inference::Listed, out);
                self.sockets.end(key, out);
            }
        }
        // Before the first event since: what is there was there before that.
        let wall_ns = requested_at.wall_ns.saturating_sub_unsigned(requested_at.mono_ns - before);
        let at = Moment { mono_ns: before, wall_ns };
        for found in unknown {
            self.found(at, &found, out);
        }
    }

    /// Whether the list knows better what became of this socket.
    fn is_judged(&self, key: Key, requested_at: Moment, told_of: &ToldOf) -> bool {
        self.sockets.get(key).is_some_and(|socket| {
            // A child that is not finished has nothing yet to find it in a list by.
            let is_findable = !socket.unfinished || socket.request;
            is_findable
                && socket.since().is_none_or(|since| since < requested_at.mono_ns)
                && !told_of.socket(socket)
        })
    }

    /// Tells where a socket really is, and takes over what else the list knows of it.
    fn put_right(&mut self, at: Moment, key: Key, found: &SocketInfo, out: &mut Vec<Record>) {
        let Some(socket) = self.sockets.get_mut(key) else { return };
        if socket.state == found.state && socket.unfinished {
            // A request whose child will name it.
            return;
        }
        if socket.owner.is_none() {
            socket.owner = found.owner.map(|owner| self.owners.share(self.process_tree.mark(owner)));
        }
        let Some(socket) = self.sockets.get_mut(key) else { return };
        if socket.cgroup.is_none() {
            socket.cgroup.clone_from(&found.cgroup);
        }
        if found.state != TcpState::SynRecv {
            socket.request = false;
        }
        self.sockets.identify(key, found.cookie);
        self.sockets.release(key, out);
        self.sockets.relocate(key, found);
        if self.sockets.get(key).is_none_or(|socket| socket.state == found.state) {
            return;
        }
        self.unseen(at, key, found.state, Inference::Listed, out);
        match found.state {
            TcpState::Close => self.sockets.end(key, out),
            TcpState::TimeWait => {
                self.sockets.become_minisocket_somewhere(key, !self.config.minisocket_timers)
            }
            TcpState::Listen => self.sockets.add_listener(key),
            _ => {}
        }
    }
}

/// The sockets that observations speak of, by all that they may be known by.
#[derive(Debug, Default)]
struct ToldOf {
    cookies: HashSet<u64>,
    pointers: HashSet<u64>,
    tuples: HashSet<Tuple>,
    /// Of these, the ends of sockets that have no other name there.
    nameless: HashSet<Tuple>,
}

impl ToldOf {
    fn by(since: &[RawEvent]) -> Self {
        let mut told_of = Self::default();
        for observation in since {
            let (cookie, pointer, tuple) = match observation {
                RawEvent::StateChange(event) if is_unfinished(event) => (None, event.pointer, None),
                RawEvent::StateChange(event) => (event.cookie, event.pointer, Some(event.tuple)),
                RawEvent::SocketEvent(note) => (note.cookie, note.pointer, Some(note.tuple)),
                RawEvent::Accept(_) | RawEvent::Fork(_) => continue,
            };
            told_of.cookies.extend(cookie);
            told_of.pointers.insert(pointer);
            told_of.tuples.extend(tuple);
            told_of.nameless.extend(tuple.filter(|_| cookie.is_none()));
        }
        told_of
    }

    fn socket(&self, socket: &Socket) -> bool {
        // The same ends may be another socket's by now.
        let by_name = match socket.cookie() {
            Some(cookie) => self.cookies.contains(&cookie) || self.nameless.contains(socket.tuple()),
            // Any number of clients call the same end, and their own ports are not known yet: but where they are in memory.
            None if !socket.tuple().is_complete() && socket.pointer().is_some() => false,
            None => self.tuples.contains(socket.tuple()),
        };
        by_name || socket.pointer().is_some_and(|pointer| self.pointers.contains(&pointer))
    }
}
