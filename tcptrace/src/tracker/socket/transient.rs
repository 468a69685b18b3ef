//! State of a socket that passes, most of all while it opens and while it closes.

use crate::{
    event::SocketEvent,
    record::{Record, SocketId},
    tcp::TcpState,
};

/// State of a socket that passes; most sockets have none at most times.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::tracker) struct Transient {
    /// Identity to show, if it is not the cookie.
    pub(in crate::tracker) name: Option<SocketId>,
    /// Thread that called `connect()`, until the local port is known.
    pub(in crate::tracker) connecting_tid: Option<u32>,
    /// Birth of a child of which no request was seen.
    pub(in crate::tracker) without_request: Option<Birth>,
    /// Minisocket that is about to take over.
    pub(in crate::tracker) minisocket: Option<Minisocket>,
    /// An orphan in `FIN_WAIT2` was given up with a RST: nothing takes over.
    pub(in crate::tracker) given_up: bool,
    /// Number of segments sent again in this state.
    pub(in crate::tracker) retransmits: u64,
    /// Records of an unfinished socket, held back until its cookie and addresses are known.
    pub(in crate::tracker) held: Vec<Record>,
}

/// Time at which a child was made, and the thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::tracker) struct Birth {
    /// `CLOCK_MONOTONIC`, nanoseconds.
    pub(in crate::tracker) at_ns: u64,
    /// Thread that was current.
    pub(in crate::tracker) tid: u32,
}

/// A minisocket before it takes over from its full socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::tracker) struct Minisocket {
    /// Place in memory.
    pub(in crate::tracker) pointer: u64,
    /// State that it stands for.
    pub(in crate::tracker) state: TcpState,
}

impl Minisocket {
    /// The minisocket that a timer's event is about.
    pub(in crate::tracker) const fn of(event: &SocketEvent) -> Self {
        Self { pointer: event.pointer, state: event.state }
    }
}

impl Transient {
    pub(super) const NOTHING: &'static Self = &Self {
        name: None,
        connecting_tid: None,
        without_request: None,
        minisocket: None,
        given_up: false,
        retransmits: 0,
        held: Vec::new(),
    };

    pub(super) fn is_nothing(&self) -> bool {
        self == Self::NOTHING
    }
}
