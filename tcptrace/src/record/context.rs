//! In which context a change happened: seen, or concluded, and then what from.

use crate::{named::named, tcp::TcpState};

/// Context in which a change happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Context {
    /// In a system call of the process that holds the socket.
    Process,
    /// In the network stack or a timer, on whatever task's time.
    Softirq,
    /// Not an event of its own: concluded from something else.
    Inferred(Inference),
}

impl Context {
    /// Whether the step out of `from` was not seen, nor when it happened, but only where the socket is now. Of minisockets
    /// lists are asked for every second; of the others after a loss.
    #[must_use]
    pub const fn is_unseen(self, from: TcpState) -> bool {
        match self {
            Self::Inferred(Inference::Continuity) => true,
            Self::Inferred(Inference::Listed) => !matches!(from, TcpState::FinWait2 | TcpState::TimeWait),
            _ => false,
        }
    }
}

named! {
    /// What a conclusion rests on.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum Inference {
        /// The kernel closed the full socket after the peer's FIN: a time-wait socket takes over (`tcp_time_wait`).
        FinReceived => "fin_received",
        /// The kernel closed a full socket that no process has and whose peer has sent no FIN: it goes on without one.
        Orphaned => "orphaned",
        /// The next event of the same socket begins elsewhere than the last one ended.
        Continuity => "continuity",
        /// The other end, on this host, was told that its FIN has arrived.
        PeerClosed => "peer_closed",
        /// The stand-in says so itself, but later.
        Minisocket => "stand_in",
        /// The kernel's list of sockets (`sock_diag`) shows it, or no longer does.
        Listed => "sock_diag",
    }
}

impl Inference {
    /// Whether a conclusion of this kind stands for an event of the kernel.
    #[must_use]
    pub const fn is_event(self) -> bool {
        matches!(self, Self::FinReceived | Self::Orphaned)
    }
}
