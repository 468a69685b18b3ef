//! The meaning of each state to the person who finds a socket in it: in words, in seconds, and in commands to run next.
//!
//! Sources: RFC 9293 section 3.3.2, tcp(7), the kernel's `Documentation/networking/ip-sysctl.rst` and
//! `net/ipv4/tcp*.c`. The commands' columns are those of `ss` from iproute2.

use std::fmt;

use super::TcpState;

mod closing_first;
mod closing_second;
mod opening;

/// Meaning of a state. How to get in and out is [`enters`](super::enters) and [`leaves`](super::leaves).
#[derive(Clone, Copy, Debug)]
pub struct Meaning {
    /// Meaning in at most 40 columns, for a table.
    pub short: &'static str,
    /// Meaning in a few sentences.
    pub means: &'static str,
    /// Side of a connection on which one finds the state.
    pub side: Side,
    /// Time that the state lasts when all is well, and at most.
    pub lasts: &'static str,
    /// Bounds of that time: a sysctl or socket option, what that bounds, and the default.
    pub bounds: &'static [(&'static str, &'static str, &'static str)],
    /// Commands to run when a socket stays in the state (`PORT`, `PID`, `ADDRESS` stand for the user's own), and what
    /// the output tells.
    pub check: &'static [(&'static str, &'static str)],
}

/// Part that a socket plays in its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The side that called `connect()`.
    ActiveOpener,
    /// The side that listens, or that was made by a listener.
    PassiveOpener,
    /// The side that sent its FIN first.
    ActiveCloser,
    /// The side that received the peer's FIN first.
    PassiveCloser,
    /// Either side.
    Both,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::ActiveOpener => "the side that connects (client)",
            Self::PassiveOpener => "the side that is connected to (server)",
            Self::ActiveCloser => "the side that closes first",
            Self::PassiveCloser => "the side that closes second",
            Self::Both => "either side",
        })
    }
}

/// Meaning of this state. `NEW_SYN_RECV` means what `SYN_RECV` means: `ss` and `netstat` do not tell them apart.
#[must_use]
pub const fn meaning(state: TcpState) -> &'static Meaning {
    match state {
        TcpState::Close => &opening::CLOSE,
        TcpState::Listen => &opening::LISTEN,
        TcpState::SynSent => &opening::SYN_SENT,
        TcpState::SynRecv | TcpState::NewSynRecv => &opening::SYN_RECV,
        TcpState::Established => &opening::ESTABLISHED,
        TcpState::FinWait1 => &closing_first::FIN_WAIT1,
        TcpState::FinWait2 => &closing_first::FIN_WAIT2,
        TcpState::Closing => &closing_first::CLOSING,
        TcpState::TimeWait => &closing_first::TIME_WAIT,
        TcpState::CloseWait => &closing_second::CLOSE_WAIT,
        TcpState::LastAck => &closing_second::LAST_ACK,
    }
}

/// Name, what is bounded, and the default.
type Bound = (&'static str, &'static str, &'static str);

// tcp_orphan_retries() turns 0 into 8 while the retransmission timer is below its maximum; tcp_model_timeout of 8
// retries at TCP_RTO_MIN, 200 ms, is 102.2 s.
const ORPHAN_RETRIES: Bound = (
    "net.ipv4.tcp_orphan_retries",
    "Retransmissions once no process holds the socket; 0 means 8, so 102 s or more.",
    "0",
);
// tcp_out_of_resources, tcp_check_oom; tcp_init sizes it by the hash table, so by memory.
const MAX_ORPHANS: Bound =
    ("net.ipv4.tcp_max_orphans", "Sockets without a process on the host; one more is reset.", "by memory");
// tcp_write_timeout; tcp_model_timeout(15) is 924.6 s, and the timer fires at the first retransmission after that.
const RETRIES2: Bound = (
    "net.ipv4.tcp_retries2",
    "Retransmissions of unacknowledged data (or FIN) while a process holds the socket; 15 means 924 s or \
     more.",
    "15",
);
const USER_TIMEOUT: Bound = (
    "TCP_USER_TIMEOUT",
    "How long sent data may stay unacknowledged; takes the place of the number of retransmissions.",
    "off",
);

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr as _;

    use super::*;

    #[test]
    fn texts_keep_their_form() {
        for state in TcpState::ALL {
            let Meaning { short, means, side: _, lasts, bounds, check } = meaning(state);
            assert!(short.width() <= 40, "{state}: {short}");
            assert!((2..=5).contains(&means.matches(['.', '?']).count()), "{state}: {means}");
            assert!(lasts.ends_with('.') && !check.is_empty(), "{state}");
            for (name, what, default) in *bounds {
                assert!(what.ends_with('.') && !default.ends_with('.'), "{state}: {name}");
            }
            for (command, tells) in *check {
                assert!(command.width() <= 75, "{state}: a command must fit on one line: {command}");
                assert!(tells.ends_with('.'), "{state}: {tells}");
            }
        }
    }
}
