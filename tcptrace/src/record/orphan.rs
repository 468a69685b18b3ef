//! A socket that goes on without a process, as a record.

use super::{Context, Subject};
use crate::{tcp::TcpState, time::Moment};

/// Socket in `FIN_WAIT2` that lost its process: the kernel keeps a minisocket, waiting for the peer's FIN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orphan {
    /// Moment at which it lost its process.
    pub at: Moment,
    /// Socket that goes on.
    pub subject: Subject,
    /// State that it stays in.
    pub state: TcpState,
    /// Time since the connection's first event, nanoseconds.
    pub since_first_ns: Option<u64>,
    /// Context; inferred where the minisocket itself was not seen.
    pub context: Option<Context>,
}
