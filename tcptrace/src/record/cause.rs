//! Why a step was taken.

use crate::{named::named, tcp::TcpState};

named! {
    /// Why a step was taken, most of all one towards the end. Only with evidence.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum Cause with CauseDetails {
        /// The last reference to the socket was closed.
        Close => "close",
        /// `shutdown()`: of sending alone, or of both directions.
        Shutdown {
            /// Receiving too.
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
        /// The ACK that opened it carried a SYN cookie, and made the socket. Concluded: no request was there before.
        SynCookie => "syn_cookie",
        /// The peer's FIN arrived.
        FinReceived => "fin_received",
        /// The peer's RST arrived.
        ResetReceived => "reset_received",
        /// Our process ended the connection without a FIN: `connect(AF_UNSPEC)`, or what is not known better.
        Abort => "abort",
        /// The same: it closed the socket with data that it had not read.
        UnreadData => "unread_data",
        /// The same: it closed the socket with `SO_LINGER` and a time of 0.
        LingerZero => "linger_zero",
        /// The kernel keeps no closed connection without a process any more: `tcp_max_orphans` are there, or `tcp_mem` is used up.
        OrphanLimit => "orphan_limit",
        /// It would be in `TIME_WAIT` now, but the kernel keeps no more of them: `tcp_max_tw_buckets` are there, or there is no
        /// memory for one. Concluded: no stand-in was made.
        TimeWaitLimit => "time_wait_limit",
        /// A RST answered our SYN.
        Refused => "refused",
        /// No answer to the SYN or the SYN+ACK, or something that is not known better.
        TimedOut => "timed_out",
        /// What was sent, again and again, was never acknowledged; or the peer's window never opened.
        RetransmissionTimeout => "retransmission_timeout",
        /// Keepalive probes were not answered.
        KeepaliveTimeout => "keepalive_timeout",
        /// The time that the process set with `TCP_USER_TIMEOUT` was over.
        UserTimeout => "user_timeout",
        /// The network said that there is no way.
        Unreachable {
            /// Its errno.
            errno: u16,
        } => "unreachable",
        /// Another process had the socket destroyed (`ss -K`, `tcp_abort`).
        Destroyed => "destroyed",
        /// Some other error.
        Error {
            /// Its errno.
            errno: u16,
        } => "error",
        /// The time of a stand-in is over: 60 s in `TIME_WAIT`, `tcp_fin_timeout` in `FIN_WAIT2`.
        Elapsed => "elapsed",
        /// The listening socket was closed, with the connection still in its queue: nobody ever accepted it.
        ListenerClosed => "listener_closed",
        /// Another connection with the same addresses takes the place of one in `TIME_WAIT`.
        Reused => "reused",
    }
}

/// What a [`Cause`] carries besides its name.
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
}
