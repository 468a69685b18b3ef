//! A socket that does not get on, in a record: what `crate::watch` notices.

use super::Subject;
use crate::{tcp::TcpState, time::Moment};

/// A socket that has been in a state for longer than is normal for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stuck {
    /// When it was noticed.
    pub at: Moment,
    /// Which socket.
    pub subject: Subject,
    /// The state it is in.
    pub state: TcpState,
    /// For how long.
    pub for_ns: u64,
    /// Whether it may be longer: when it entered the state was not seen.
    pub at_least: bool,
    /// How often that was told of it in this state, this time included.
    pub count: u64,
    /// The owner's descriptor of it, where `/proc` shows one.
    pub fd: Option<i32>,
}
