//! From events to the story: one life per socket, two sockets per connection, owners and causes.
//!
//! Pure: time is an argument. A socket that reaches `CLOSE`, or whose minisocket reaches it, is forgotten; so the
//! tables are as large as the number of open sockets. What is left over are sockets whose end no event reports: those
//! that existed before the trace as requests or as minisockets in `FIN_WAIT2`, and those whose end was turned away by
//! the kernel's filter once their port was known: until their place in memory is used again, or a dump shows that they
//! are gone.

mod apply;
mod cause;
mod change;
mod existing;
mod mentioned;
mod merge;
mod minisockets;
mod owner;
mod process_tree;
mod repair;
mod requests;
mod socket;
mod socket_events;
mod sockets;
#[cfg(test)]
pub(crate) mod tests;
mod unreported;

pub use existing::SocketInfo;
pub use merge::{begun_requests, merge};
pub use process_tree::ProcessTree;
pub use repair::SockDiagDump;

use crate::{
    cgroup::Cgroups,
    process::Owners,
    record::{Record, SocketId},
    tcp::TcpState,
};
use socket::{Key, Socket};
use sockets::{ClosingListener, Sockets};

/// Sources of the tracker besides the state changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrackerConfig {
    /// The timers of minisockets and request sockets are reported as socket events.
    pub minisocket_timers: bool,
    /// The kernel's minisockets are dumped now and then, as long as [`Tracker::has_unwatched`].
    pub periodic_dumps: bool,
}

/// The open sockets, followed from event to event.
#[derive(Debug, Default)]
pub struct Tracker {
    config: TrackerConfig,
    sockets: Sockets,
    /// Time from which every request socket is known, seen or dumped; nanoseconds.
    requests_known_from: Option<u64>,
    /// Time from which the beginning of every minisocket was seen; nanoseconds.
    minisockets_known_from: Option<u64>,
    /// Listening socket that was closed last.
    closing: Option<ClosingListener>,
    process_tree: ProcessTree,
    owners: Owners,
    cgroups: Cgroups,
}

impl Tracker {
    /// Creates a tracker that knows no socket yet.
    #[must_use]
    pub fn new(config: TrackerConfig) -> Self {
        Self { config, ..Self::default() }
    }

    /// Sets the time, in nanoseconds, from which every request socket is known, seen or dumped: a child without one
    /// comes from a SYN cookie.
    pub const fn set_requests_known_from(&mut self, mono_ns: u64) {
        self.requests_known_from = Some(mono_ns);
    }

    /// Sets the time, in nanoseconds, from which the beginning of every minisocket was seen: where none was seen, the
    /// kernel made none.
    pub const fn set_minisockets_known_from(&mut self, mono_ns: u64) {
        self.minisockets_known_from = Some(mono_ns);
    }

    /// Processes that were asked for together with their descendants.
    pub const fn process_tree(&mut self) -> &mut ProcessTree {
        &mut self.process_tree
    }

    /// Cgroups that events name by id.
    pub const fn cgroups(&mut self) -> &mut Cgroups {
        &mut self.cgroups
    }

    /// Number of steps that were emitted and that no event of the kernel reports, to be added to what the kernel side
    /// has seen.
    #[must_use]
    pub const fn extra(&self) -> i64 {
        self.sockets.extra()
    }

    /// Emits what was held back for want of a port that never became known.
    pub fn finish(&mut self, out: &mut Vec<Record>) {
        self.sockets.release_all(out);
    }

    /// Whether a socket is in this state, as far as is known.
    #[must_use]
    pub fn is_in_state(&self, socket: SocketId, state: TcpState) -> bool {
        self.sockets.with_id(socket).is_some_and(|socket| socket.state == state)
    }

    /// Number of sockets that are open, as far as is known.
    #[must_use]
    pub fn open_sockets(&self) -> usize {
        self.sockets.len()
    }

    /// Whether there are minisockets whose end only a dump can show.
    #[must_use]
    pub fn has_unwatched(&self) -> bool {
        !self.sockets.unwatched().is_empty()
    }
}
