//! A socket that stays too long in a state, as a record: made by `crate::stuck`.

use super::Subject;
use crate::{tcp::TcpState, time::Moment};

/// A socket that has been in a state for longer than is normal for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stuck {
    /// Moment at which it was noticed.
    pub at: Moment,
    /// Socket that is stuck.
    pub subject: Subject,
    /// State that it is in.
    pub state: TcpState,
    /// Nanoseconds in that state.
    pub for_ns: u64,
    /// Whether it may be longer: the step into the state was not seen.
    pub at_least: bool,
    /// Records of this kind about the socket in this state so far, this one included.
    pub count: u64,
    /// Owner's descriptor of the socket, where `/proc` shows one.
    pub fd: Option<i32>,
}
