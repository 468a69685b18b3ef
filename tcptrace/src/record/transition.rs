//! A state change, in a record.

use super::{Cause, Context, Subject};
use crate::{
    tcp::{self, TcpState},
    time::Moment,
};

/// One state change of one socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// When.
    pub at: Moment,
    /// Of which socket.
    pub subject: Subject,
    /// The state that was left.
    pub from: TcpState,
    /// The state that was entered.
    pub to: TcpState,
    /// How long `from` lasted, nanoseconds; unknown if it began before the trace.
    pub in_from_ns: Option<u64>,
    /// Since the connection's first event, nanoseconds.
    pub since_first_ns: Option<u64>,
    /// In which context; unknown where the kernel's structures are not.
    pub context: Option<Context>,
    /// Why.
    pub cause: Option<Cause>,
    /// What the connection has sent and received by then.
    pub numbers: Option<Numbers>,
}

impl Transition {
    /// Whether no path in the kernel leads this way: then something in between was not seen.
    #[must_use]
    pub const fn is_illegal(&self) -> bool {
        matches!(tcp::step(self.from, self.to), tcp::Step::Impossible)
    }
}

/// What `struct tcp_sock` has counted since the connection began.
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
