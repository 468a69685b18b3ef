//! The meaning of a state change, given what is known of its socket: the step, its cause, who took it, what follows.

use super::{
    cause, owner,
    socket::{Minisocket, Socket},
    sockets::ClosingListener,
};
use crate::{
    event::StateChange,
    process::Owner,
    record::{Cause, Context, Inference},
    tcp::TcpState,
    time::Moment,
};

/// A state change with its meaning.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) kind: ChangeKind,
    /// State that is entered; the event says `CLOSE` where a minisocket takes over.
    pub(super) to: TcpState,
    pub(super) context: Option<Context>,
    pub(super) cause: Option<Cause>,
    /// Current task, if the event proves that it holds the socket.
    pub(super) holder: Option<Owner>,
    /// Time in the state that is left, nanoseconds.
    pub(super) in_from_ns: Option<u64>,
    pub(super) fate: Fate,
}

/// Kind of a state change, as it is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChangeKind {
    /// The step that the event reports.
    AsReported,
    /// The step into `TIME_WAIT`: a minisocket replaces the full socket.
    TimeWait,
    /// No step: a minisocket stays in `FIN_WAIT2`, but without a process.
    Orphaned,
}

/// Fate of the full socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Lives,
    Ends,
    /// A minisocket takes over, at this place in memory if that was seen.
    Replaced(Option<u64>),
}

/// Knowledge from elsewhere when a state change comes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Circumstances {
    /// Listening socket that was closed last.
    pub(super) closing: Option<ClosingListener>,
    /// Whether a minisocket that takes over would have been seen.
    pub(super) shows_minisockets: bool,
}

impl Change {
    /// Reads a state change; `socket` is as it was before.
    pub(super) fn classify(
        at: Moment,
        event: &StateChange,
        socket: &Socket,
        circumstances: Circumstances,
    ) -> Self {
        let minisocket = socket.transient().minisocket;
        let has_none = minisocket.is_none() && circumstances.shows_minisockets;
        let kind = if has_none || socket.transient().given_up {
            ChangeKind::AsReported
        } else {
            ChangeKind::of(event, minisocket)
        };
        let cause = cause::cause(event)
            .or_else(|| listener_closed(event, circumstances.closing))
            .or_else(|| cause::syn_cookie(at, event, socket.transient().without_request));
        let reported = owner::context(event);
        let seen = |inference| match minisocket {
            Some(_) => reported,
            None => Some(Context::Inferred(inference)),
        };
        let (to, context) = match kind {
            ChangeKind::AsReported => (event.to, reported),
            ChangeKind::TimeWait => (TcpState::TimeWait, seen(Inference::FinReceived)),
            ChangeKind::Orphaned => (event.from, seen(Inference::Orphaned)),
        };
        let got_fin = kind == ChangeKind::TimeWait && event.from == TcpState::FinWait2;
        Self {
            kind,
            to,
            context,
            cause: if has_none && cause::lacks_time_wait(event) {
                Some(Cause::TimeWaitLimit)
            } else {
                cause.or(got_fin.then_some(Cause::FinReceived))
            },
            holder: owner::holder(event, cause),
            in_from_ns: socket.time_in_state(at),
            fate: match kind {
                ChangeKind::TimeWait | ChangeKind::Orphaned => {
                    Fate::Replaced(minisocket.map(|minisocket| minisocket.pointer))
                }
                ChangeKind::AsReported if event.to == TcpState::Close => Fate::Ends,
                ChangeKind::AsReported => Fate::Lives,
            },
        }
    }
}

impl ChangeKind {
    /// Kind of a state change. `tcp_time_wait` closes the full socket, and the tracepoint calls that `CLOSE`. The
    /// minisocket shows what it is; if that was not seen, the socket's own fields: with the peer's FIN `TIME_WAIT`;
    /// without it a reset if there is an error, else an orphan that waits on.
    fn of(event: &StateChange, minisocket: Option<Minisocket>) -> Self {
        if event.to != TcpState::Close {
            return Self::AsReported;
        }
        match minisocket.map(|minisocket| minisocket.state) {
            Some(TcpState::FinWait2) => return Self::Orphaned,
            Some(_) => return Self::TimeWait,
            None => {}
        }
        let Some(facts) = event.sock else { return Self::AsReported };
        match event.from {
            TcpState::FinWait2 if facts.fin_received => Self::TimeWait,
            TcpState::Closing if facts.error == 0 => Self::TimeWait,
            TcpState::FinWait2 if facts.error == 0 && facts.orphan => Self::Orphaned,
            _ => Self::AsReported,
        }
    }
}

/// Cause of the end of a connection that nobody accepted, if its listener was closed just before.
fn listener_closed(event: &StateChange, closing: Option<ClosingListener>) -> Option<Cause> {
    use TcpState::{CloseWait, Established, SynRecv};
    let was_open = matches!(event.from, SynRecv | Established | CloseWait);
    (was_open && closing?.is_reason_for(event)).then_some(Cause::ListenerClosed)
}

/// Whether the event is the first of a socket's life.
pub(super) fn is_first(event: &StateChange) -> bool {
    event.from == TcpState::Close || (event.from, event.to) == (TcpState::Listen, TcpState::SynRecv)
}

/// Whether the event shows a child before the kernel gave it its own cookie and addresses (Linux before 6.15).
pub(super) fn is_unfinished(event: &StateChange) -> bool {
    // From CLOSE if the listener closes meanwhile.
    matches!(event.from, TcpState::Listen | TcpState::Close)
        && event.to == TcpState::SynRecv
        && !event.tuple.remote.is_set()
}
