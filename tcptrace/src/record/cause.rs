//! Why a step was taken.

use crate::tcp::TcpState;

/// Why a step was taken, most of all one towards the end. Only with evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The last reference to the socket was closed.
    Close,
    /// `shutdown()`: of sending alone, or of both directions.
    Shutdown {
        /// Receiving too.
        both: bool,
    },
    /// The process exited, and the kernel closed its files.
    Exit,
    /// A signal ended the process, and the kernel closed its files.
    Killed {
        /// Number of the signal.
        signal: u8,
    },
    /// The peer's SYN arrived: the step into `SYN_RECV` was seen when it happened, not when the handshake was over.
    SynReceived,
    /// The ACK that opened it carried a SYN cookie, and made the socket. Concluded: no request was there before.
    SynCookie,
    /// The peer's FIN arrived.
    FinReceived,
    /// The peer's RST arrived.
    ResetReceived,
    /// Our process ended the connection without a FIN: `connect(AF_UNSPEC)`, or what is not known better.
    Abort,
    /// The same: it closed the socket with data that it had not read.
    UnreadData,
    /// The same: it closed the socket with `SO_LINGER` and a time of 0.
    LingerZero,
    /// The kernel keeps no closed connection without a process any more: `tcp_max_orphans` are there, or `tcp_mem` is used up.
    OrphanLimit,
    /// It would be in `TIME_WAIT` now, but the kernel keeps no more of them: `tcp_max_tw_buckets` are there, or there is no
    /// memory for one. Concluded: no stand-in was made.
    TimeWaitLimit,
    /// A RST answered our SYN.
    Refused,
    /// No answer to the SYN or the SYN+ACK, or something that is not known better.
    TimedOut,
    /// What was sent, again and again, was never acknowledged; or the peer's window never opened.
    RetransmissionTimeout,
    /// Keepalive probes were not answered.
    KeepaliveTimeout,
    /// The time that the process set with `TCP_USER_TIMEOUT` was over.
    UserTimeout,
    /// The network said that there is no way.
    Unreachable {
        /// Its errno.
        errno: u16,
    },
    /// Another process had the socket destroyed (`ss -K`, `tcp_abort`).
    Destroyed,
    /// Some other error.
    Error {
        /// Its errno.
        errno: u16,
    },
    /// The time of a stand-in is over: 60 s in `TIME_WAIT`, `tcp_fin_timeout` in `FIN_WAIT2`.
    Elapsed,
    /// The listening socket was closed, with the connection still in its queue: nobody ever accepted it.
    ListenerClosed,
    /// Another connection with the same addresses takes the place of one in `TIME_WAIT`.
    Reused,
}

impl Cause {
    /// Whether it is concluded, from what was not seen.
    #[must_use]
    pub const fn is_inferred(self) -> bool {
        matches!(self, Self::SynCookie | Self::TimeWaitLimit)
    }

    /// The state that a step into `to` stands for: where there was no room for `TIME_WAIT`, all that leads to it has happened.
    #[must_use]
    pub fn stands_for(cause: Option<Self>, to: TcpState) -> TcpState {
        if cause == Some(Self::TimeWaitLimit) { TcpState::TimeWait } else { to }
    }

    /// Whether an answer was waited for too long.
    #[must_use]
    pub const fn is_timeout(self) -> bool {
        matches!(
            self,
            Self::TimedOut | Self::RetransmissionTimeout | Self::KeepaliveTimeout | Self::UserTimeout
        )
    }

    /// Whether this end broke the connection off, without a FIN.
    #[must_use]
    pub const fn is_abort(self) -> bool {
        matches!(
            self,
            Self::Abort | Self::UnreadData | Self::LingerZero | Self::OrphanLimit | Self::ListenerClosed
        )
    }

    /// The word in records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Close => "close",
            Self::Shutdown { .. } => "shutdown",
            Self::Exit => "exit",
            Self::Killed { .. } => "killed",
            Self::SynReceived => "syn_received",
            Self::SynCookie => "syn_cookie",
            Self::FinReceived => "fin_received",
            Self::ResetReceived => "reset_received",
            Self::Abort => "abort",
            Self::UnreadData => "unread_data",
            Self::LingerZero => "linger_zero",
            Self::OrphanLimit => "orphan_limit",
            Self::TimeWaitLimit => "time_wait_limit",
            Self::Refused => "refused",
            Self::TimedOut => "timed_out",
            Self::RetransmissionTimeout => "retransmission_timeout",
            Self::KeepaliveTimeout => "keepalive_timeout",
            Self::UserTimeout => "user_timeout",
            Self::Unreachable { .. } => "unreachable",
            Self::Destroyed => "destroyed",
            Self::Error { .. } => "error",
            Self::Elapsed => "elapsed",
            Self::ListenerClosed => "listener_closed",
            Self::Reused => "reused",
        }
    }
}
