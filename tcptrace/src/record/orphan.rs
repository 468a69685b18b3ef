//! A socket that goes on without a process, in a record.

use super::{Context, Subject};
use crate::{tcp::TcpState, time::Moment};

/// A socket in `FIN_WAIT2` that lost its process: the kernel keeps a small stand-in, waiting for the peer's FIN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orphan {
    /// When.
    pub at: Moment,
    /// Which socket.
    pub subject: Subject,
    /// The state that it stays in.
    pub state: TcpState,
    /// Since the connection's first event, nanoseconds.
    pub since_first_ns: Option<u64>,
    /// In which context; inferred where the stand-in itself was not seen.
    pub context: Option<Context>,
}
