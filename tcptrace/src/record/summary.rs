//! What a connection came to, in a record: what `crate::connection::summary` concludes from its account.

use super::{Completeness, ConnectionId, Outcome, SocketId};
use crate::{
    address::{Endpoint, Netns},
    process::Owner,
    tcp::TcpState,
    time::Moment,
};

/// What is known of a connection when it is over, or when the trace ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionSummary {
    /// When it was over; of one that is open, when that was asked.
    pub at: Moment,
    /// Its number.
    pub connection: ConnectionId,
    /// Whether it is still open.
    pub open: bool,
    /// Where it lives.
    pub netns: Option<Netns>,
    /// Its two ends, the opener first if it is known; one if a socket is connected to itself.
    pub ends: Vec<ConnectionEnd>,
    /// Which end opened it.
    pub opener: Option<usize>,
    /// Which end closed it first.
    pub closed_first: Option<usize>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// From its first event to its end.
    pub lasted_ns: Option<u64>,
    /// From the first end in `ESTABLISHED` to the first one that left it.
    pub established_ns: Option<u64>,
    /// From the first FIN to the second; to the end if there was none.
    pub half_closed_ns: Option<u64>,
    /// From the first step out of `ESTABLISHED` to the end.
    pub teardown_ns: Option<u64>,
    /// How much of it was seen.
    pub completeness: Completeness,
}

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionEnd {
    /// Its address.
    pub address: Endpoint,
    /// Its socket, if that was seen.
    pub socket: Option<SocketId>,
    /// Its last state.
    pub state: Option<TcpState>,
    /// Its last known owner.
    pub owner: Option<Owner>,
    /// How long its handshake took: from its SYN, or from the peer's, to `ESTABLISHED`.
    pub handshake_ns: Option<u64>,
    /// Payload that it sent and that arrived; known once it can send no more.
    pub payload: Option<u64>,
    /// Segments that it sent again.
    pub retransmits: Option<u64>,
}
