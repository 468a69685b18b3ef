//! The context of a change: seen in the kernel, or concluded from something else.

use crate::{named::named, tcp::TcpState};

/// Context in which a change happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Context {
    /// System call of the process that holds the socket.
    Process,
    /// Network stack or timer, on whatever task's time.
    Softirq,
    /// None: not an event of its own, but concluded from something else.
    Inferred(Inference),
}

impl Context {
    /// Whether a step out of `from` in this context is a gap: neither it nor its time was seen, but only the state
    /// after it. The state of a minisocket is dumped every second, and so its time is known; that of other sockets
    /// after a loss.
    #[must_use]
    pub const fn is_gap_after(self, from: TcpState) -> bool {
        match self {
            Self::Inferred(Inference::Continuity) => true,
            Self::Inferred(Inference::Listed) => !matches!(from, TcpState::FinWait2 | TcpState::TimeWait),
            _ => false,
        }
    }
}

named! {
    /// Grounds for a conclusion.
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
        /// The minisocket itself says so, but later.
        Minisocket => "stand_in",
        /// A `sock_diag` dump shows it, or no longer does.
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
