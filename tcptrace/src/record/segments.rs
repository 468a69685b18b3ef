//! Single segments, as records: those sent again, and RSTs.

use super::Subject;
use crate::{tcp::TcpState, time::Moment};

/// Segment that was sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retransmit {
    /// Moment at which it was sent.
    pub at: Moment,
    /// Socket that sent it.
    pub subject: Subject,
    /// State of the socket, which says what can have been sent: a SYN, a SYN+ACK, data or a FIN.
    pub state: TcpState,
    /// Segments that were sent again in this state so far.
    pub count: u64,
    /// Time since the connection's first event, nanoseconds.
    pub since_first_ns: Option<u64>,
}

/// RST that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reset {
    /// Moment at which it was sent.
    pub at: Moment,
    /// Socket on whose behalf it was sent.
    pub subject: Subject,
    /// State of the socket.
    pub state: TcpState,
    /// Reason, in the kernel's word (`enum sk_rst_reason` without the prefix), where it gives one (Linux 6.10).
    pub reason: Option<String>,
    /// Time since the connection's first event, nanoseconds.
    pub since_first_ns: Option<u64>,
}
