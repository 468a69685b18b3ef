//! What is true of a socket for a moment, most of all while it opens and while it closes.

use crate::{
    record::{Record, SocketId},
    tcp::TcpState,
};

/// Of most sockets at most times: nothing.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::tracker) struct Transient {
    /// What it is called, if not by its cookie.
    pub(in crate::tracker) name: Option<SocketId>,
    /// The thread that called `connect()`, until its local port is known.
    pub(in crate::tracker) connecting: Option<u32>,
    /// A child that no request was seen of: since when, nanoseconds, and on whose time.
    pub(in crate::tracker) without_request: Option<(u64, u32)>,
    /// The minisocket that is about to take over, and the state it stands for.
    pub(in crate::tracker) minisocket: Option<(u64, TcpState)>,
    /// An orphan in `FIN_WAIT2` that was given up with a RST: nothing takes over.
    pub(in crate::tracker) given_up: bool,
    /// Segments sent again in this state.
    pub(in crate::tracker) retransmits: u64,
    /// Records of one that is unfinished, held back until it is known who it is.
    pub(in crate::tracker) held: Vec<Record>,
}

impl Transient {
    pub(super) const NOTHING: &'static Self = &Self {
        name: None,
        connecting: None,
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
