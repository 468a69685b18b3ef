//! Why a step was taken: what `struct sock` and the current task said inside the event. No evidence, no cause.

use crate::{
    event::{Activity, Event, SockFacts},
    record::Cause,
    tcp::TcpState,
};

/// errno values of Linux on every architecture that has eBPF and little-endian byte order.
mod errno {
    pub(super) const EPIPE: u16 = 32;
    pub(super) const ENETDOWN: u16 = 100;
    pub(super) const ENETUNREACH: u16 = 101;
    pub(super) const ECONNABORTED: u16 = 103;
    pub(super) const ECONNRESET: u16 = 104;
    pub(super) const ETIMEDOUT: u16 = 110;
    pub(super) const ECONNREFUSED: u16 = 111;
    pub(super) const EHOSTDOWN: u16 = 112;
    pub(super) const EHOSTUNREACH: u16 = 113;
}

/// The cause of the step that `event` reports.
pub(super) fn cause(event: &Event) -> Option<Cause> {
    use TcpState::{Close, CloseWait, Closing, FinWait1, LastAck, Listen, SynSent};
    let facts = event.sock?;
    match (event.from, event.to) {
        (_, FinWait1 | LastAck) | (Listen, Close) => local(event, &facts),
        (_, CloseWait | Closing) => Some(Cause::FinReceived),
        (_, Close) if facts.error != 0 => Some(failure(event.from, facts.error)),
        // sk_err is set only after the event in tcp_disconnect and __tcp_close: 0 and a process means its own choice.
        (SynSent, Close) => local(event, &facts),
        (TcpState::Established | CloseWait | TcpState::SynRecv, Close) if facts.owned => {
            // A process that ends takes its connections along: say that rather than how.
            local(event, &facts)
                .filter(|cause| matches!(cause, Cause::Exit | Cause::Killed { .. }))
                .or(Some(Cause::Abort))
        }
        _ => None,
    }
}

/// What the process that holds the socket did.
fn local(event: &Event, facts: &SockFacts) -> Option<Cause> {
    if !facts.owned {
        return None;
    }
    match (event.task.activity?, facts.file_released?) {
        (Activity::Exiting { signal: 0 }, true) => Some(Cause::Exit),
        (Activity::Exiting { signal }, true) => Some(Cause::Killed { signal }),
        (_, true) => Some(Cause::Close),
        (_, false) => Some(Cause::Shutdown { both: facts.receive_shutdown }),
    }
}

/// What `sk_err` says at the end of a connection (`tcp_reset`, `tcp_write_err`, `tcp_v4_err`, `tcp_abort`).
fn failure(from: TcpState, error: u16) -> Cause {
    match error {
        errno::ECONNREFUSED if from == TcpState::SynSent => Cause::Refused,
        errno::ECONNRESET | errno::EPIPE | errno::ECONNREFUSED => Cause::ResetReceived,
        errno::ETIMEDOUT => Cause::TimedOut,
        errno::ECONNABORTED => Cause::Destroyed,
        errno::ENETDOWN | errno::ENETUNREACH | errno::EHOSTDOWN | errno::EHOSTUNREACH => {
            Cause::Unreachable { errno: error }
        }
        errno => Cause::Error { errno },
    }
}
