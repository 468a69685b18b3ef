//! The sockets that a dump of the kernel's shows, and those of them that existed before the trace.

use std::sync::Arc;

use super::{
    Tracker,
    socket::{Socket, SocketKeys},
};
use crate::{
    address::{Netns, Tuple},
    cgroup::Cgroup,
    dumped::DumpedSocket,
    process::Owner,
    record::{Existing, Record},
    tcp::TcpState,
    time::Moment,
};

/// A socket as a sock_diag dump shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketInfo {
    /// Socket cookie, where the kernel tells it.
    pub cookie: Option<u64>,
    /// Network namespace that the socket lives in.
    pub netns: Option<Netns>,
    /// Both ends.
    pub tuple: Tuple,
    /// State at the time of the dump.
    pub state: TcpState,
    /// Process that has the socket open.
    pub owner: Option<Owner>,
    /// Cgroup that the socket was made in.
    pub cgroup: Option<Arc<Cgroup>>,
}

impl From<DumpedSocket> for SocketInfo {
    fn from(dumped: DumpedSocket) -> Self {
        Self {
            cookie: (dumped.cookie != 0).then_some(dumped.cookie),
            netns: Some(dumped.netns),
            tuple: dumped.tuple,
            state: dumped.state,
            owner: dumped.owner(),
            cgroup: dumped.cgroup,
        }
    }
}

impl Tracker {
    /// Adds a socket that existed before the trace, and emits that it exists.
    pub fn add_existing(&mut self, at: Moment, existing: &SocketInfo, out: &mut Vec<Record>) {
        let id = self.sockets.allocate_id(existing.cookie);
        let keys = SocketKeys { cookie: existing.cookie, pointer: None, tuple: existing.tuple };
        let mut socket = Socket::new(id, existing.state, existing.netns, keys);
        socket.owner = existing.owner.map(|owner| self.owners.share(self.process_tree.mark(owner)));
        socket.cgroup = existing.cgroup.clone();
        let key = self.sockets.insert(socket);
        if existing.state != TcpState::Listen {
            self.sockets.assign_connection(key);
        }
        let Some(socket) = self.sockets.get(key) else { return };
        out.push(Record::Existing(Existing { at, subject: socket.subject(), state: existing.state }));
        // TIME_WAIT is always a minisocket: no event will come.
        if existing.state == TcpState::TimeWait && !self.config.minisocket_timers {
            if self.config.periodic_dumps {
                self.sockets.replace_with_minisocket(key, None);
                self.sockets.set_unwatched(key, true);
            } else {
                self.sockets.remove(key, out);
            }
        }
    }
}
