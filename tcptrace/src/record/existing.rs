//! A socket that was there before, in a record.

use super::Subject;
use crate::{tcp::TcpState, time::Moment};

/// A socket that existed before the trace began, or that a list shows after a loss.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Existing {
    /// When it was found.
    pub at: Moment,
    /// Which socket.
    pub subject: Subject,
    /// The state it was in.
    pub state: TcpState,
}
