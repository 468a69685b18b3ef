//! A state change, as a record.

use super::{Cause, Context, Subject};
use crate::{
    tcp::{self, TcpState},
    time::Moment,
};

/// State change of a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// Moment of the change.
    pub at: Moment,
    /// Socket that changed.
    pub subject: Subject,
    /// State that was left.
    pub from: TcpState,
    /// State that was entered.
    pub to: TcpState,
    /// Nanoseconds that `from` lasted; unknown if it began before the trace.
    pub in_from_ns: Option<u64>,
    /// Time since the connection's first event, nanoseconds.
    pub since_first_ns: Option<u64>,
    /// Context of the change; `None` where the kernel's structures are not known.
    pub context: Option<Context>,
    /// Cause of the change.
    pub cause: Option<Cause>,
    /// Counts of what the connection has sent and received by then.
    pub numbers: Option<Numbers>,
}

impl Transition {
    /// Whether no path in the kernel leads this way: then something in between was not seen.
    #[must_use]
    pub const fn is_illegal(&self) -> bool {
        matches!(tcp::step(self.from, self.to), tcp::Step::Impossible)
    }
}

/// Counts that `struct tcp_sock` keeps since the connection began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    /// Smoothed round-trip time in microseconds; none before the first sample.
    pub srtt_us: Option<u32>,
    /// Segments sent again.
    pub retransmits: u32,
    /// Payload bytes sent, those that were sent again included.
    pub bytes_sent: u64,
    /// Bytes that the peer acknowledged; the kernel counts SYN and FIN as one each.
    pub bytes_acked: u64,
    /// Bytes received in order; the kernel counts the peer's FIN as one.
    pub bytes_received: u64,
}
