//! The steps from one state to another that Linux can really take, and what event each of them is.
//!
//! Two views in one table: what `sock:inet_sock_set_state` reports for a TCP socket (protocol 6), and what really
//! happens where the tracepoint is blind, that is while a request socket (`NEW_SYN_RECV`) stands for a connection that
//! is not there yet, or a timewait minisocket for one that is over.

use super::TcpState::{self, *};

/// Kind of a step from one state to another, with the event that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Step in the diagram of RFC 9293 as Linux walks it, on the way of a connection where nothing goes wrong.
    Normal(&'static str),
    /// Legal step that is rare or abrupt: both sides at once, Fast Open, a reset, a timeout, an abort.
    Unusual(&'static str),
    /// Step that no path in the kernel takes: a report of it means that something in between was not seen.
    Impossible,
}

impl Step {
    /// Event that the step is; `None` for an impossible one.
    #[must_use]
    pub const fn event(self) -> Option<&'static str> {
        match self {
            Self::Normal(event) | Self::Unusual(event) => Some(event),
            Self::Impossible => None,
        }
    }
}

/// Kind of the step from one state to another.
///
/// The sockets of MPTCP itself (protocol 262) are not TCP and walk otherwise (`LISTEN` straight to `ESTABLISHED`);
/// their subflows (protocol 6) walk as here.
#[must_use]
pub const fn step(from: TcpState, to: TcpState) -> Step {
    use Step::{Impossible, Normal, Unusual};

    match (from, to) {
        // Opening. inet_csk_listen_start; a connect() on a listener fails with EISCONN (__inet_stream_connect), so the
        // RFC's LISTEN -> SYN_SENT does not exist.
        (Close, Listen) => Normal("listen()"),
        // tcp_v4_connect, tcp_v6_connect.
        (Close, SynSent) => Normal("connect(), SYN sent"),
        // tcp_conn_request: the listener stays in LISTEN and a request socket comes to be. No tracepoint.
        (Close, NewSynRecv) => Normal("SYN received, SYN+ACK sent"),
        // tcp_check_req -> tcp_v4_syn_recv_sock. The request becomes a child; no tracepoint for the request itself ...
        (NewSynRecv, SynRecv) => Normal("ACK of the SYN+ACK received, child socket made"),
        // ... but the child is a copy of the listener, state and all, so its own first step starts there
        // (inet_csk_clone_lock). RFC 9293 has this step at the SYN; Linux only with Fast Open.
        (Listen, SynRecv) => Normal("handshake complete: child socket made, listener stays"),
        // inet_csk_clone_lock, when the listener closes on another CPU between lookup and copy.
        (Close, SynRecv) => Unusual("child socket made while its listener closes"),
        // tcp_finish_connect.
        (SynSent, Established) => Normal("SYN+ACK received, ACK sent"),
        // tcp_rcv_synsent_state_process; also a socket that connects to itself.
        (SynSent, SynRecv) => Unusual("SYN received, SYN+ACK sent: both connect at once"),
        // tcp_rcv_state_process; in the same packet's processing as the step into SYN_RECV (tcp_child_process).
        (SynRecv, Established) => Normal("ACK of the SYN+ACK received"),
        // tcp_close_state: only a socket that a process can hold, so a Fast Open child or one that connected at once.
        (SynRecv, FinWait1) => Unusual("close() before the handshake is complete, FIN sent"),
        // tcp_fin from tcp_fastopen_add_skb.
        (SynRecv, CloseWait) => Unusual("FIN received together with a Fast Open SYN"),

        // Closing first. tcp_close_state, from close(), shutdown(SHUT_WR) or the end of the process.
        (Established, FinWait1) => Normal("close() or shutdown(), FIN sent"),
        // tcp_rcv_state_process. A segment with FIN and ACK takes two steps at one instant, FIN_WAIT1 -> FIN_WAIT2 ->
        // TIME_WAIT, so the RFC's short cut FIN_WAIT1 -> TIME_WAIT does not exist.
        (FinWait1, FinWait2) => Normal("ACK of the FIN received"),
        // tcp_fin -> tcp_time_wait for a full socket, tcp_timewait_state_process for one that is a minisocket already.
        // The tracepoint says FIN_WAIT2 -> CLOSE for the first (tcp_done) and nothing for the second.
        (FinWait2, TimeWait) => Normal("FIN received, ACK sent"),
        // tcp_fin.
        (FinWait1, Closing) => Unusual("FIN received, ACK sent: both close at once"),
        // tcp_rcv_state_process -> tcp_time_wait; the tracepoint says CLOSING -> CLOSE.
        (Closing, TimeWait) => Unusual("ACK of the FIN received: both closed at once"),
        // tw_timer_handler; inet_twsk_deschedule_put when it is killed early. No tracepoint.
        (TimeWait, Close) => Normal("60 s are over (or less: port reused, RST, ss -K)"),

        // Closing second. tcp_fin.
        (Established, CloseWait) => Normal("FIN received, ACK sent"),
        // tcp_close_state.
        (CloseWait, LastAck) => Normal("close() or shutdown(), FIN sent"),
        // tcp_rcv_state_process -> tcp_done; tcp_reset, tcp_write_err.
        (LastAck, Close) => Normal("ACK of the FIN received (or RST received, or timeout)"),

        // The short way out, from everywhere. tcp_close_state, tcp_disconnect; inet_csk_listen_start if the bind fails.
        (Listen, Close) => Normal("close()"),
        // tcp_reset, tcp_write_err, tcp_v4_err, tcp_close_state, the failure path of tcp_v4_connect.
        (SynSent, Close) => Unusual("refused, no answer, unreachable, or close()"),
        // reqsk_timer_handler, inet_csk_reqsk_queue_drop. No tracepoint.
        (NewSynRecv, Close) => Unusual("no ACK of the SYN+ACK, RST received, or listener closed"),
        // tcp_v4_syn_recv_sock that finds no memory or a duplicate, tcp_reset, tcp_write_err.
        (SynRecv, Close) => Unusual("RST received, no ACK of the SYN+ACK, or no room for the child"),
        // tcp_reset, tcp_write_err, tcp_keepalive_timer, tcp_abort, __tcp_close (SO_LINGER 0, unread data).
        (Established, Close) => Unusual("RST received or sent, timeout, or aborted"),
        // The same; tcp_reset reports EPIPE here.
        (CloseWait, Close) => Unusual("RST received or sent, timeout, or aborted"),
        // The same, and tcp_out_of_resources, tcp_check_oom, TCP_LINGER2 < 0, data that nobody will read.
        (FinWait1, Close) => Unusual("RST received or sent, timeout, or aborted"),
        (Closing, Close) => Unusual("RST received or sent, timeout, aborted, or no room for TIME_WAIT"),
        // inet_twsk_kill after tcp_fin_timeout; tcp_reset, tcp_abort, __tcp_close with TCP_LINGER2 < 0.
        (FinWait2, Close) => {
            Unusual("orphan's tcp_fin_timeout over, RST received or sent, aborted, or no room for TIME_WAIT")
        }

        // tcp_close_state reports the state again: close() after shutdown(SHUT_WR).
        (FinWait1, FinWait1) | (FinWait2, FinWait2) | (Closing, Closing) | (LastAck, LastAck) => {
            Unusual("close() after shutdown(): the state stays, the process lets go")
        }

        _ => Impossible,
    }
}

/// Steps that lead into a state and where each comes from, the normal ones first.
pub fn enters(state: TcpState) -> impl Iterator<Item = (TcpState, Step)> {
    normal_first(move |from| (from, step(from, state)))
        // close() after shutdown() is no way into the state.
        .filter(move |(from, _)| *from != state)
}

/// Steps that lead out of a state and where each goes to, the normal ones first.
pub fn leaves(state: TcpState) -> impl Iterator<Item = (TcpState, Step)> {
    normal_first(move |to| (to, step(state, to))).filter(move |(to, _)| *to != state)
}

fn normal_first(step: impl Fn(TcpState) -> (TcpState, Step)) -> impl Iterator<Item = (TcpState, Step)> {
    let (normal, other): (Vec<_>, Vec<_>) =
        TcpState::ALL.into_iter().map(step).partition(|(_, step)| matches!(step, Step::Normal(_)));
    normal.into_iter().chain(other).filter(|(_, step)| *step != Step::Impossible)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    #[test]
    fn the_whole_matrix() {
        let mut page = format!("{:13}", "from \\ to");
        for to in TcpState::ALL {
            write!(page, " {to}").unwrap();
        }
        for from in TcpState::ALL {
            write!(page, "\n{from:13}").unwrap();
            for to in TcpState::ALL {
                let mark = match step(from, to) {
                    Step::Normal(_) => "normal",
                    Step::Unusual(_) => "unusual",
                    Step::Impossible => ".",
                };
                write!(page, " {mark:width$}", width = to.name().len()).unwrap();
            }
        }
        page.push_str("\n\n");
        for from in TcpState::ALL {
            for to in TcpState::ALL {
                if let Some(event) = step(from, to).event() {
                    writeln!(page, "{from:12} -> {to:12} {event}").unwrap();
                }
            }
        }
        let page = page.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
        insta::assert_snapshot!(page);
    }

    #[test]
    fn every_life_can_end_and_every_state_can_be_reached() {
        for state in TcpState::ALL.into_iter().filter(|state| *state != Close) {
            assert_ne!(step(state, Close), Step::Impossible, "{state} never ends");
            let from = TcpState::ALL.into_iter().find(|from| matches!(step(*from, state), Step::Normal(_)));
            // CLOSING is only ever reached when both sides close at once.
            assert_eq!(from.is_none(), state == Closing, "{state} comes from {from:?}");
        }
    }
}
