//! What the tracker tells: the records that filters choose from and formats write.

mod cause;
mod loss;
mod stuck;
mod summary;

use std::{fmt, sync::Arc};

use crate::{
    address::{Netns, Tuple},
    cgroup::Cgroup,
    process::Owner,
    tcp::{self, TcpState},
    time::Moment,
};
pub use cause::Cause;
pub use loss::{Loss, Lost};
pub use stuck::Stuck;
pub use summary::{Completeness, ConnectionEnd, ConnectionSummary, Outcome};

/// Identity of a socket for its whole life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SocketId {
    /// The kernel's socket cookie: the number that `ss -e` prints in hexadecimal as `sk:`.
    Cookie(u64),
    /// Our own number, where the kernel gave no cookie.
    Serial(u64),
}

impl fmt::Display for SocketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cookie(cookie) => write!(f, "{cookie}"),
            Self::Serial(serial) => write!(f, "~{serial}"),
        }
    }
}

/// Number of a connection, the same for both of its ends on this host. Counts from 1 in each trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(pub u64);

/// The socket that a record is about, as far as it is known at that moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Which socket.
    pub socket: SocketId,
    /// Which connection; none for a socket that listens.
    pub connection: Option<ConnectionId>,
    /// Where it lives.
    pub netns: Option<Netns>,
    /// Its two ends.
    pub tuple: Tuple,
    /// Whose it is.
    pub owner: Option<Owner>,
    /// The cgroup it was made in.
    pub cgroup: Option<Arc<Cgroup>>,
}

/// In which context a change happened.
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
    /// Whether the step out of `from` was not seen, nor when it happened, but only where the socket is now. Of stand-ins
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

/// What a conclusion rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Inference {
    /// The kernel closed the full socket after the peer's FIN: a time-wait socket takes over (`tcp_time_wait`).
    FinReceived,
    /// The kernel closed a full socket that no process has and whose peer has sent no FIN: it goes on without one.
    Orphaned,
    /// The next event of the same socket begins elsewhere than the last one ended.
    Continuity,
    /// The other end, on this host, was told that its FIN has arrived.
    PeerClosed,
    /// The stand-in says so itself, but later.
    Minisocket,
    /// The kernel's list of sockets (`sock_diag`) shows it, or no longer does.
    Listed,
}

impl Inference {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::FinReceived,
        Self::Orphaned,
        Self::Continuity,
        Self::PeerClosed,
        Self::Minisocket,
        Self::Listed,
    ];

    /// The word in records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FinReceived => "fin_received",
            Self::Orphaned => "orphaned",
            Self::Continuity => "continuity",
            Self::PeerClosed => "peer_closed",
            Self::Minisocket => "stand_in",
            Self::Listed => "sock_diag",
        }
    }

    /// Whether a conclusion of this kind stands for an event of the kernel.
    #[must_use]
    pub const fn is_event(self) -> bool {
        matches!(self, Self::FinReceived | Self::Orphaned)
    }
}

/// What `struct tcp_sock` has counted since the connection began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    /// Smoothed round-trip time in microseconds; none before the first sample.
    pub srtt_us: Option<u32>,
    /// Segments sent again.
    pub retransmits: u32,
    /// Payload bytes sent, those that were sent again included.
    pub bytes_sent: u64,
    /// Bytes that the peer acknowledged; the kernel counts SYN and FIN as one each.
    pub bytes_acked: u64,
    /// Bytes received in order; the kernel counts the peer's FIN as one.
    pub bytes_received: u64,
}

/// One state change of one socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// When.
    pub at: Moment,
    /// Of which socket.
    pub subject: Subject,
    /// The state that was left.
    pub from: TcpState,
    /// The state that was entered.
    pub to: TcpState,
    /// How long `from` lasted, nanoseconds; unknown if it began before the trace.
    pub in_from_ns: Option<u64>,
    /// Since the connection's first event, nanoseconds.
    pub since_first_ns: Option<u64>,
    /// In which context; unknown where the kernel's structures are not.
    pub context: Option<Context>,
    /// Why.
    pub cause: Option<Cause>,
    /// What the connection has sent and received by then.
    pub numbers: Option<Numbers>,
}

impl Transition {
    /// Whether no path in the kernel leads this way: then something in between was not seen.
    #[must_use]
    pub const fn is_illegal(&self) -> bool {
        matches!(tcp::step(self.from, self.to), tcp::Step::Impossible)
    }
}

/// A socket in `FIN_WAIT2` that lost its process: the kernel keeps a small stand-in, waiting for the peer's FIN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orphan {
    /// When.
    pub at: Moment,
    /// Which socket.
    pub subject: Subject,
    /// The state that it stays in.
    pub state: TcpState,
    /// Since the connection's first event, nanoseconds.
    pub since_first_ns: Option<u64>,
    /// In which context; inferred where the stand-in itself was not seen.
    pub context: Option<Context>,
}

/// A segment that was sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retransmit {
    /// When.
    pub at: Moment,
    /// Of which socket.
    pub subject: Subject,
    /// The state it is in, which tells what can have been sent: a SYN, a SYN+ACK, data or a FIN.
    pub state: TcpState,
    /// How often that has happened in this state.
    pub count: u64,
    /// Since the connection's first event, nanoseconds.
    pub since_first_ns: Option<u64>,
}

/// A RST that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reset {
    /// When.
    pub at: Moment,
    /// On behalf of which socket.
    pub subject: Subject,
    /// The state it was in.
    pub state: TcpState,
    /// Why, in the kernel's word (`enum sk_rst_reason` without the prefix), where it gives one (Linux 6.10).
    pub reason: Option<String>,
    /// Since the connection's first event, nanoseconds.
    pub since_first_ns: Option<u64>,
}

/// A socket that existed before the trace began, or that a list shows after a loss.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Existing {
    /// When it was found.
    pub at: Moment,
    /// Which socket.
    pub subject: Subject,
    /// The state it was in.
    pub state: TcpState,
}

/// What became of every event: `seen == shown + filtered + lost`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// State changes of TCP sockets while the trace ran.
    pub seen: u64,
    /// Told.
    pub shown: u64,
    /// Turned away by a filter, in the kernel or here.
    pub filtered: u64,
    /// Lost on the way.
    pub lost: u64,
}

/// A hook that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unseen {
    /// What it would see, by name.
    pub what: String,
    /// In one line.
    pub why: String,
}

/// The beginning of a trace: everything is attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// When.
    pub at: Moment,
    /// Version of tcptrace.
    pub version: String,
    /// The hook in use: `btf` or `tracepoint`.
    pub probe: String,
    /// Why not the better one.
    pub fallback: Option<String>,
    /// Release of the kernel.
    pub kernel: String,
    /// What is traced, in the words of the command line; empty for everything.
    pub filter: String,
    /// What is seen besides state changes, by name.
    pub sees: Vec<String>,
    /// What is not seen, though it was tried, and why.
    pub unseen: Vec<Unseen>,
}

/// The end of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// When.
    pub at: Moment,
    /// What became of the events.
    pub totals: Totals,
    /// Steps among those shown that the state machine does not have: something in between was not seen.
    pub illegal: u64,
}

/// Everything that is told.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants are documented as types")]
pub enum Record {
    Start(Start),
    Existing(Existing),
    Transition(Transition),
    Orphan(Orphan),
    Retransmit(Retransmit),
    Reset(Reset),
    Stuck(Stuck),
    Connection(Box<ConnectionSummary>),
    Lost(Lost),
    End(End),
}

impl Record {
    /// The socket that the record is about, if it is about one.
    #[must_use]
    pub const fn subject(&self) -> Option<&Subject> {
        match self {
            Self::Existing(Existing { subject, .. })
            | Self::Transition(Transition { subject, .. })
            | Self::Orphan(Orphan { subject, .. })
            | Self::Retransmit(Retransmit { subject, .. })
            | Self::Reset(Reset { subject, .. })
            | Self::Stuck(Stuck { subject, .. }) => Some(subject),
            Self::Start(_) | Self::Connection(_) | Self::Lost(_) | Self::End(_) => None,
        }
    }

    /// Whether the record stands for an event of the kernel, and so counts in [`Totals`].
    #[must_use]
    pub const fn is_event(&self) -> bool {
        match self {
            Self::Transition(transition) => match transition.context {
                Some(Context::Inferred(inference)) => inference.is_event(),
                _ => true,
            },
            Self::Orphan(_) => true,
            Self::Start(_)
            | Self::Existing(_)
            | Self::Retransmit(_)
            | Self::Reset(_)
            | Self::Stuck(_)
            | Self::Connection(_)
            | Self::Lost(_)
            | Self::End(_) => false,
        }
    }
}
