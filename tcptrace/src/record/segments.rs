//! Single segments, in records: those sent again, and RSTs.

use super::Subject;
use crate::{tcp::TcpState, time::Moment};

/// A segment that was sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retransmit {
    /// When.
    pub at: Moment,
    /// Of which socket.
    pub subject: Subject,
    /// The state it is in, which tells what can have been sent: a SYN, a SYN+ACK, data or a FIN.
    pub state: TcpState,
    /// How often that has happened in this state.
    pub count: u64,
    /// Since the connection's first event, nanoseconds.
    pub since_first_ns: Option<u64>,
}

/// A RST that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reset {
    /// When.
    pub at: Moment,
    /// On behalf of which socket.
    pub subject: Subject,
    /// The state it was in.
    pub state: TcpState,
    /// Why, in the kernel's word (`enum sk_rst_reason` without the prefix), where it gives one (Linux 6.10).
    pub reason: Option<String>,
    /// Since the connection's first event, nanoseconds.
    pub since_first_ns: Option<u64>,
}
