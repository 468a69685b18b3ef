//! A connection as a whole, as a record: made by `crate::connection::summary` of its history.

use super::{Completeness, ConnectionId, Outcome, SocketId};
use crate::{
    address::{Endpoint, Netns},
    process::Owner,
    tcp::TcpState,
    time::Moment,
};

/// Summary of a connection when it is over, or of one that is open when the trace ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionSummary {
    /// Moment at which it was over; of one that is open, moment of the summary.
    pub at: Moment,
    /// Number of the connection.
    pub connection: ConnectionId,
    /// Whether it is still open.
    pub open: bool,
    /// Network namespace it lives in.
    pub netns: Option<Netns>,
    /// Ends of the connection, the opener first if it is known; only one if a socket is connected to itself.
    pub ends: Vec<ConnectionEnd>,
    /// Index of the end that opened it.
    pub opener: Option<usize>,
    /// Index of the end that closed it first.
    pub closed_first: Option<usize>,
    /// Way in which it ended.
    pub outcome: Option<Outcome>,
    /// Nanoseconds from the first event to the end.
    pub lasted_ns: Option<u64>,
    /// Nanoseconds from the first end in `ESTABLISHED` to the first one that left it.
    pub established_ns: Option<u64>,
    /// Nanoseconds from the first FIN to the second; to the end if there was none.
    pub half_closed_ns: Option<u64>,
    /// Nanoseconds from the first step out of `ESTABLISHED` to the end.
    pub teardown_ns: Option<u64>,
    /// Extent to which it was seen.
    pub completeness: Completeness,
}

/// One end of a connection in its summary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionEnd {
    /// Address and port of the end.
    pub address: Endpoint,
    /// Socket of the end, if that was seen.
    pub socket: Option<SocketId>,
    /// Last state of the socket.
    pub state: Option<TcpState>,
    /// Last known owner of the socket.
    pub owner: Option<Owner>,
    /// Nanoseconds that its handshake took: from its SYN, or from the peer's, to `ESTABLISHED`.
    pub handshake_ns: Option<u64>,
    /// Payload that it sent and that arrived; known once it can send no more.
    pub payload: Option<u64>,
    /// Segments that it sent again.
    pub retransmits: Option<u64>,
}
