//! The cause of a step: what `struct sock` and the current task said inside the event. No evidence, no cause.

use super::socket::Birth;
use crate::{
    event::{Activity, Ending, SockFacts, StateChange},
    record::Cause,
    tcp::TcpState,
    time::Moment,
};

/// Time in which a child that is made by the ACK is open, nanoseconds: both are one packet's work.
const ONE_PACKET: u64 = 100_000;

/// SYN cookie as the cause, if the ACK that opened a child made it too (`cookie_v4_check`): no request was there
/// before, and it was open at once. A child of Fast Open has no request either, but it is made by the SYN, with data,
/// and waits for the ACK.
pub(super) fn syn_cookie(at: Moment, event: &StateChange, without_request: Option<Birth>) -> Option<Cause> {
    let birth = without_request?;
    let opens = (event.from, event.to) == (TcpState::SynRecv, TcpState::Established);
    let at_once = birth.tid == event.task.tid && at.mono_ns.saturating_sub(birth.at_ns) <= ONE_PACKET;
    let no_data = event.numbers.is_some_and(|numbers| numbers.bytes_received == 0);
    (opens && at_once && no_data).then_some(Cause::SynCookie)
}

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

/// Cause of the step that `event` reports, by what the event alone says.
pub(super) fn cause(event: &StateChange) -> Option<Cause> {
    use TcpState::{
        Close, CloseWait, Closing, Established, FinWait1, FinWait2, LastAck, Listen, SynRecv, SynSent,
    };
    let facts = event.sock?;
    // Not the closer, if `ss -K` holds the lock that close() waits for.
    let closed = closing(event, &facts).filter(|_| facts.error != errno::ECONNABORTED);
    match (event.from, event.to, closed) {
        (_, FinWait1 | LastAck, _) => local(event, &facts),
        (_, CloseWait | Closing, _) => Some(Cause::FinReceived),
        // With the file still there it may be shutdown(), connect(AF_UNSPEC), a listen() that fails, or tcp_abort.
        (Listen, Close, closed) => closed,
        // tcp_fin sets SOCK_DONE and goes on to tcp_time_wait at once: whatever sk_err says is older.
        (FinWait2, Close, _) if facts.fin_received => Some(Cause::FinReceived),
        // __tcp_close decides alone: an error here is an old one that nobody fetched, as IP_RECVERR leaves them.
        (SynSent, Close, Some(cause)) => Some(cause),
        (SynRecv | Established | CloseWait, Close, Some(cause)) => Some(abort(cause, &facts)),
        (_, Close, _) if facts.error != 0 => Some(failure(event.from, &facts)),
        // tcp_disconnect sets sk_err only after the event: 0 and a process means its own choice. Not so in SYN_SENT,
        // where connect() itself may have failed (tcp_v4_connect).
        (SynRecv | Established | CloseWait, Close, None) if facts.owned => Some(Cause::Abort),
        // __tcp_close with SO_LINGER 0, before it makes the socket an orphan.
        (FinWait1 | FinWait2, Close, Some(cause)) if !facts.orphan => Some(abort(cause, &facts)),
        // tcp_check_oom in __tcp_close, just after it has made an orphan; all else that ends FIN_WAIT1 leaves an error.
        // Or tcp_out_of_resources in a timer, which drops the sockets of a namespace that is gone too.
        (FinWait1, Close, None) if facts.orphan => {
            let in_use = facts.ending.is_some_and(|ending| ending.netns_in_use);
            (facts.owned || in_use).then_some(Cause::OrphanLimit)
        }
        _ => None,
    }
}

/// Whether nothing but `TIME_WAIT` was left to come: `tcp_fin` in `FIN_WAIT2`, or the last ACK in `CLOSING`, ends in
/// `tcp_time_wait`, which closes the socket also where it has made no minisocket (`inet_twsk_alloc`).
pub(super) fn lacks_time_wait(event: &StateChange) -> bool {
    let Some(facts) = event.sock else { return false };
    match (event.from, event.to) {
        (TcpState::FinWait2, TcpState::Close) => facts.fin_received,
        // Our FIN is acknowledged, as tcp_rcv_state_process wants it. Else a timer gave it up, or its process.
        (TcpState::Closing, TcpState::Close) => {
            let done = |ending: Ending| !ending.unacknowledged && !ending.unsent;
            facts.error == 0 && facts.ending.is_some_and(done)
        }
        _ => false,
    }
}

/// Cause of a step by which the process that holds the socket lets go of it for good.
fn closing(event: &StateChange, facts: &SockFacts) -> Option<Cause> {
    local(event, facts).filter(|_| facts.file_released == Some(true))
}

/// Cause of an abort by the process. One that ends takes its connections along: that is said rather than how.
/// `__tcp_close` looks for unread data first.
fn abort(closed: Cause, facts: &SockFacts) -> Cause {
    let ending = facts.ending.unwrap_or_default();
    match closed {
        Cause::Exit | Cause::Killed { .. } => closed,
        _ if ending.unread => Cause::UnreadData,
        _ if ending.linger_zero => Cause::LingerZero,
        _ => Cause::Abort,
    }
}

/// Cause of a step that the process that holds the socket has taken.
fn local(event: &StateChange, facts: &SockFacts) -> Option<Cause> {
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

/// Cause of the end of a connection by its `sk_err` (`tcp_reset`, `tcp_write_err`, `tcp_v4_err`, `tcp_abort`).
fn failure(from: TcpState, facts: &SockFacts) -> Cause {
    match facts.error {
        errno::ECONNREFUSED if from == TcpState::SynSent => Cause::Refused,
        errno::ECONNRESET | errno::EPIPE => Cause::ResetReceived,
        errno::ETIMEDOUT => timeout(from, facts),
        errno::ECONNABORTED => Cause::Destroyed,
        errno::ENETDOWN | errno::ENETUNREACH | errno::EHOSTDOWN | errno::EHOSTUNREACH => {
            Cause::Unreachable { errno: facts.error }
        }
        errno => Cause::Error { errno },
    }
}

/// Timer that gave up on an open connection. `TCP_USER_TIMEOUT` decides for all of them where it is set
/// (`tcp_write_timeout`, `tcp_keepalive_timer`, `tcp_probe_timer`); keepalive runs only while nothing else is under
/// way.
fn timeout(from: TcpState, facts: &SockFacts) -> Cause {
    let Some(ending) = facts.ending.filter(|_| !matches!(from, TcpState::SynSent | TcpState::SynRecv)) else {
        return Cause::TimedOut;
    };
    if ending.user_timeout {
        Cause::UserTimeout
    } else if ending.unacknowledged || ending.unsent {
        Cause::RetransmissionTimeout
    } else {
        Cause::KeepaliveTimeout
    }
}
