//! Repair after a loss: what the tracker believes, held against the kernel's dump of all sockets.
//!
//! The dump is true of some moment after it was requested, each entry of its own. So whatever has changed since is left
//! to its events, which are yet to be applied: a socket that they mention is not judged by the dump.

use std::collections;

use foldhash::HashSet;

use super::{Key, Socket, SocketInfo, Tracker, begun_requests, mentioned::Mentioned, merge};
use crate::{
    address::Netns,
    event::{RawEvent, StateChange},
    record::{Inference, Record},
    tcp::TcpState,
    time::Moment,
};

/// A sock_diag dump of all sockets.
#[derive(Clone, Debug)]
pub struct SockDiagDump {
    /// Moment at which the dump was requested.
    pub requested_at: Moment,
    /// Sockets that the dump shows.
    pub sockets: Vec<SocketInfo>,
    /// Network namespaces that the dump covers.
    pub namespaces: collections::HashSet<Netns>,
}

impl Tracker {
    /// Corrects what is believed by a dump that was requested because events were lost, before the events that came
    /// `since`, in order of time: sockets elsewhere than was believed, sockets that are gone, sockets that no event was
    /// about.
    pub fn repair(&mut self, dump: SockDiagDump, since: &[RawEvent], out: &mut Vec<Record>) {
        let SockDiagDump { requested_at, sockets, namespaces } = dump;
        let events: Vec<StateChange> = since.iter().filter_map(RawEvent::state_change).cloned().collect();
        let mentioned = Mentioned::in_events(since);
        let mut matched = HashSet::default();
        let mut unknown = Vec::new();
        for dumped in merge(sockets, &events, &begun_requests(since)) {
            match self.sockets.find_dumped(&dumped, &matched)[..] {
                [key] => {
                    matched.insert(key);
                    if self.is_settled(key, requested_at, &mentioned) {
                        self.correct(requested_at, key, &dumped, out);
                    }
                }
                [] if dumped.state == TcpState::Close => {}
                // Perhaps the child that is not finished: its next event shows.
                [] if self.sockets.awaits_child(dumped.netns, dumped.tuple.local) => {}
                [] => unknown.push(dumped),
                // Clients that call the same end, their ports not known yet: the next event of each shows.
                ref several => matched.extend(several),
            }
        }
        for key in self.sockets.keys() {
            // A namespace that the dump does not cover may be one that only a descriptor keeps.
            let covered = |socket: &Socket| socket.netns().is_none_or(|netns| namespaces.contains(&netns));
            if !matched.contains(&key)
                && self.sockets.get(key).is_some_and(covered)
                && self.is_settled(key, requested_at, &mentioned)
            {
                self.sockets.release(key, out);
                self.infer_step(requested_at, key, TcpState::Close, Inference::Listed, out);
                self.sockets.remove(key, out);
            }
        }
        let at = before_all(requested_at, since);
        for dumped in unknown {
            self.add_existing(at, &dumped, out);
        }
    }

    /// Whether nothing has happened to the socket since the dump was requested, so that the dump is right about it.
    fn is_settled(&self, key: Key, requested_at: Moment, mentioned: &Mentioned) -> bool {
        self.sockets.get(key).is_some_and(|socket| {
            // A child that is not finished has nothing yet to find it in a dump by.
            let is_findable = !socket.is_unfinished || socket.is_request;
            is_findable
                && socket.entered_ns().is_none_or(|since| since < requested_at.mono_ns)
                && !mentioned.contains(socket)
        })
    }

    /// Takes a socket to where the dump shows it, and takes over what else the dump knows of it.
    fn correct(&mut self, at: Moment, key: Key, dumped: &SocketInfo, out: &mut Vec<Record>) {
        let Some(socket) = self.sockets.get_mut(key) else { return };
        if socket.state == dumped.state && socket.is_unfinished {
            // A request whose child will name it.
            return;
        }
        if socket.owner.is_none() {
            socket.owner = dumped.owner.map(|owner| self.owners.share(self.process_tree.mark(owner)));
        }
        if socket.cgroup.is_none() {
            socket.cgroup.clone_from(&dumped.cgroup);
        }
        if dumped.state != TcpState::SynRecv {
            socket.is_request = false;
        }
        self.sockets.identify(key, dumped.cookie);
        self.sockets.release(key, out);
        self.sockets.update_from_dump(key, dumped);
        if self.sockets.get(key).is_none_or(|socket| socket.state == dumped.state) {
            return;
        }
        self.infer_step(at, key, dumped.state, Inference::Listed, out);
        match dumped.state {
            TcpState::Close => self.sockets.remove(key, out),
            TcpState::TimeWait => {
                self.sockets.replace_with_minisocket(key, None);
                self.sockets.set_unwatched(key, !self.config.minisocket_timers);
            }
            TcpState::Listen => self.sockets.add_listener(key),
            _ => {}
        }
    }
}

/// The moment before the first event since: what is there was there before that.
fn before_all(requested_at: Moment, since: &[RawEvent]) -> Moment {
    let first = since.first().map_or(requested_at.mono_ns, RawEvent::mono_ns);
    let mono_ns = first.min(requested_at.mono_ns);
    let wall_ns = requested_at.wall_ns.saturating_sub_unsigned(requested_at.mono_ns - mono_ns);
    Moment { mono_ns, wall_ns }
}
