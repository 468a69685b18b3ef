//! The socket that a record is about.

use std::{fmt, sync::Arc};

use crate::{
    address::{Netns, Tuple},
    cgroup::Cgroup,
    process::Owner,
};

/// Identity of a socket for its whole life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SocketId {
    /// The kernel's socket cookie: the number that `ss -e` prints in hexadecimal as `sk:`.
    Cookie(u64),
    /// Our own number, where the kernel gave no cookie.
    Serial(u64),
}

impl fmt::Display for SocketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cookie(cookie) => write!(f, "{cookie}"),
            Self::Serial(serial) => write!(f, "~{serial}"),
        }
    }
}

/// Number of a connection, the same for both of its ends on this host. Counts from 1 in each trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(pub u64);

/// The socket that a record is about, as far as it is known at that moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Identity of the socket.
    pub socket: SocketId,
    /// Number of its connection; none for a socket that listens.
    pub connection: Option<ConnectionId>,
    /// Network namespace it lives in.
    pub netns: Option<Netns>,
    /// Addresses of its two ends.
    pub tuple: Tuple,
    /// Process that owns it.
    pub owner: Option<Owner>,
    /// Cgroup it was made in.
    pub cgroup: Option<Arc<Cgroup>>,
}
