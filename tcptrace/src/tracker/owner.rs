//! The owner of a socket: the process seen holding it, never the one that happened to run.

use crate::{
    event::{Activity, StateChange},
    process::{Evidence, Owner},
    record::{Cause, Context},
    tcp::TcpState,
};

/// Current task as the owner, if the event proves that it holds the socket.
pub(super) fn holder(event: &StateChange, cause: Option<Cause>) -> Option<Owner> {
    use TcpState::{Close, CloseWait, Established, FinWait1, LastAck, Listen, SynRecv, SynSent};
    let task = &event.task;
    if task.activity == Some(Activity::Kernel) || cause == Some(Cause::Destroyed) {
        return None;
    }
    let holds = match event.sock {
        // `ss -K` on a listener leaves no error: only who closes the file has had it.
        Some(facts) if (event.from, event.to) == (Listen, Close) => {
            facts.owned && facts.file_released == Some(true)
        }
        Some(facts) => facts.owned,
        // Without the lock's owner: the steps that only a system call of the holder can take
        // (inet_csk_listen_start, tcp_v4_connect, tcp_close_state).
        None => matches!(
            (event.from, event.to),
            (Close, Listen | SynSent) | (Established | SynRecv, FinWait1) | (CloseWait, LastAck)
        ),
    };
    holds.then(|| Owner::new(task.pid, task.comm, task.uid, Evidence::Syscall))
}

/// Context in which the event happened.
pub(super) fn context(event: &StateChange) -> Option<Context> {
    event.sock.map(|facts| if facts.owned { Context::Process } else { Context::Softirq })
}
