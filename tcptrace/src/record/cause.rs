//! Causes of steps.

use crate::{named::named, tcp::TcpState};

named! {
    /// Cause of a step, most of all of one towards the end. Only with evidence.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum Cause with CauseDetails {
        /// The last reference to the socket was closed.
        Close => "close",
        /// `shutdown()`: of sending alone, or of both directions.
        Shutdown {
            /// Whether receiving is shut down too.
            both: bool,
        } => "shutdown",
        /// The process exited, and the kernel closed its files.
        Exit => "exit",
        /// A signal ended the process, and the kernel closed its files.
        Killed {
            /// Number of the signal.
            signal: u8,
        } => "killed",
        /// The peer's SYN arrived: the step into `SYN_RECV` was seen when it happened, not when the handshake was over.
        SynReceived => "syn_received",
        /// The ACK that opened the connection carried a SYN cookie, and made the socket. Concluded: no request was
        /// there before.
        SynCookie => "syn_cookie",
        /// The peer's FIN arrived.
        FinReceived => "fin_received",
        /// The peer's RST arrived.
        ResetReceived => "reset_received",
        /// Our process ended the connection without a FIN: `connect(AF_UNSPEC)`, or what is not known better.
        Abort => "abort",
        /// Our process closed the socket with data that it had not read, and so without a FIN.
        UnreadData => "unread_data",
        /// Our process closed the socket with `SO_LINGER` and a time of 0, and so without a FIN.
        LingerZero => "linger_zero",
        /// The kernel keeps no closed connection without a process any more: `tcp_max_orphans` are there, or `tcp_mem`
        /// is used up.
        OrphanLimit => "orphan_limit",
        /// The kernel keeps no more sockets in `TIME_WAIT`, where this one would be: `tcp_max_tw_buckets` are there, or
        /// there is no memory for one. Concluded: no minisocket was made.
        TimeWaitLimit => "time_wait_limit",
        /// A RST answered our SYN.
        Refused => "refused",
        /// No answer came to the SYN or the SYN+ACK; or some other timeout, not known better.
        TimedOut => "timed_out",
        /// Retransmits were never acknowledged; or the peer's window never opened.
        RetransmissionTimeout => "retransmission_timeout",
        /// Keepalive probes were not answered.
        KeepaliveTimeout => "keepalive_timeout",
        /// The time that the process set with `TCP_USER_TIMEOUT` was over.
        UserTimeout => "user_timeout",
        /// The network said that there is no way.
        Unreachable {
            /// Number of the error.
            errno: u16,
        } => "unreachable",
        /// Another process had the socket destroyed (`ss -K`, `tcp_abort`).
        Destroyed => "destroyed",
        /// Another error.
        Error {
            /// Number of the error.
            errno: u16,
        } => "error",
        /// The time of a minisocket is over: 60 s in `TIME_WAIT`, `tcp_fin_timeout` in `FIN_WAIT2`.
        Elapsed => "elapsed",
        /// The listening socket was closed, with the connection still in its queue: nobody ever accepted it.
        ListenerClosed => "listener_closed",
        /// Another connection with the same addresses takes the place of one in `TIME_WAIT`.
        Reused => "reused",
    }
}

/// Values that a [`Cause`] carries besides its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CauseDetails {
    /// Whether a `shutdown()` was of both directions.
    pub both: Option<bool>,
    /// Number of the signal.
    pub signal: Option<u8>,
    /// Number of the error.
    pub errno: Option<u16>,
}

impl Cause {
    /// Whether the cause is concluded, from what was not seen.
    #[must_use]
    pub const fn is_inferred(self) -> bool {
        matches!(self, Self::SynCookie | Self::TimeWaitLimit)
    }

    /// State that a step into `to` amounts to: `TIME_WAIT` where there was no room for it, because all that leads there
    /// has happened.
    #[must_use]
    pub fn reached_state(cause: Option<Self>, to: TcpState) -> TcpState {
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
}
