//! A socket that was there before, as a record.

use super::Subject;
use crate::{tcp::TcpState, time::Moment};

/// Socket that existed before the trace began, or that a dump shows after a loss.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Existing {
    /// Moment at which it was found.
    pub at: Moment,
    /// Socket that was found.
    pub subject: Subject,
    /// State that it was in.
    pub state: TcpState,
}
