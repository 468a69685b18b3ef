//! One socket's life, as far as it is known.

use std::sync::Arc;

use crate::{
    address::{Endpoint, Netns, Tuple},
    cgroup::Cgroup,
    process::Owner,
    record::{ConnectionId, Record, SocketId, Subject},
    tcp::TcpState,
    time::Moment,
};

/// What the tracker knows of a socket.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) id: SocketId,
    pub(super) pointer: Option<u64>,
    pub(super) cookie: Option<u64>,
    pub(super) netns: Option<Netns>,
    pub(super) tuple: Tuple,
    pub(super) state: TcpState,
    /// When it entered the state, if that was seen.
    pub(super) since: Option<Moment>,
    pub(super) owner: Option<Owner>,
    pub(super) cgroup: Option<Arc<Cgroup>>,
    pub(super) connection: Option<ConnectionId>,
    /// The thread that called `connect()`, until its local port is known.
    pub(super) connecting: Option<u32>,
    /// A child that no request was seen of: since when, and on whose time.
    pub(super) without_request: Option<(Moment, u32)>,
    /// A request socket that the kernel made while we watched.
    pub(super) request: bool,
    /// A minisocket has taken over.
    pub(super) stand_in: bool,
    /// The minisocket that is about to take over, and the state it stands for.
    pub(super) minisocket: Option<(u64, TcpState)>,
    /// An orphan in `FIN_WAIT2` that was given up with a RST: nothing takes over.
    pub(super) given_up: bool,
    /// Segments sent again in this state.
    pub(super) retransmits: u64,
    /// A child whose cookie and addresses come with its next event.
    pub(super) unfinished: bool,
    /// Records held back until then.
    pub(super) held: Vec<Record>,
}

impl Socket {
    pub(super) fn new(id: SocketId, state: TcpState) -> Self {
        let nobody = Endpoint::from_bytes([0; 16], 0);
        Self {
            id,
            pointer: None,
            cookie: None,
            netns: None,
            tuple: Tuple { local: nobody, remote: nobody },
            state,
            since: None,
            owner: None,
            cgroup: None,
            connection: None,
            connecting: None,
            without_request: None,
            request: false,
            stand_in: false,
            minisocket: None,
            given_up: false,
            retransmits: 0,
            unfinished: false,
            held: Vec::new(),
        }
    }

    /// Enters a state, unless it is in it.
    pub(super) fn enter(&mut self, state: TcpState, at: Moment) {
        if self.state != state {
            self.state = state;
            self.since = Some(at);
            self.retransmits = 0;
        }
    }

    pub(super) fn subject(&self) -> Subject {
        Subject {
            socket: self.id,
            connection: self.connection,
            netns: self.netns,
            tuple: self.tuple,
            owner: self.owner,
            cgroup: self.cgroup.clone(),
        }
    }
}
