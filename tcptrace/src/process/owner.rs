//! The process that owns a socket, and the evidence for it.

use super::Comm;
use crate::named::named;

named! {
    /// Evidence that a process owns a socket.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
    pub enum Evidence {
        /// Inherited from the listening socket: true until somebody else accepts.
        Listener => "listener",
        /// Found holding the socket's file in `/proc`, before the trace or at its start.
        Procfs => "procfs",
        /// Seen accepting the connection.
        Accept => "accept",
        /// Seen holding the socket inside a system call.
        Syscall => "syscall",
    }
}

/// A thread of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Thread {
    /// Thread id in the initial pid namespace; that of the first thread is the process id.
    pub tid: u32,
    /// Name of the thread, which each may choose for itself.
    pub comm: Comm,
}

/// A socket's owner, with the evidence for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Owner {
    /// Process id in the initial pid namespace.
    pub pid: u32,
    /// Name of the process: that of its first thread.
    pub comm: Comm,
    /// Thread that is in the system call; `None` for what happens outside of one.
    pub thread: Option<Thread>,
    /// Real user id of the process.
    pub uid: u32,
    /// Evidence for the ownership.
    pub evidence: Evidence,
    /// Whether the process is one of those traced with their descendants, or such a descendant.
    pub in_process_tree: bool,
}

impl Owner {
    /// Owner without a thread, and in no process tree as far as is known.
    #[must_use]
    pub const fn new(pid: u32, comm: Comm, uid: u32, evidence: Evidence) -> Self {
        Self { pid, comm, thread: None, uid, evidence, in_process_tree: false }
    }
}
