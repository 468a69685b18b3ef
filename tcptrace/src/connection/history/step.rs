//! One step of a connection, and what it says about who ended it first.

use crate::{
    record::{Cause, Context, Record, Subject, Transition},
    tcp::TcpState,
    time::Moment,
};

/// One step of one side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Time of the step.
    pub at: Moment,
    /// Index of the side.
    pub side: usize,
    /// Kind of the step.
    pub what: What,
}

/// Kind of a step, with all that makes it differ from others of its kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum What {
    /// The socket was there.
    Existing(TcpState),
    /// The socket changed its state.
    Changed(TcpState, TcpState, Option<Context>, Option<Cause>),
    /// The socket lost its process and stays.
    Orphaned(TcpState),
    /// The socket retransmitted, for this number of times in this state.
    Retransmitted(TcpState, u64),
    /// The socket sent a RST, for this reason.
    Reset(TcpState, Option<String>),
}

impl What {
    /// The step that a record about a socket stands for, and when it was.
    pub(super) fn of(record: &Record) -> Option<(Moment, Self)> {
        Some(match record {
            Record::Existing(found) => (found.at, Self::Existing(found.state)),
            Record::Transition(step) => {
                (step.at, Self::Changed(step.from, step.to, step.context, step.cause))
            }
            Record::Orphan(orphan) => (orphan.at, Self::Orphaned(orphan.state)),
            Record::Retransmit(sent) => (sent.at, Self::Retransmitted(sent.state, sent.count)),
            Record::Reset(reset) => (reset.at, Self::Reset(reset.state, reset.reason.clone())),
            Record::Start(_)
            | Record::Stuck(_)
            | Record::Connection(_)
            | Record::Lost(_)
            | Record::End(_) => return None,
        })
    }

    /// Whether it is a single segment, and no step of the state machine.
    pub(super) const fn is_segment(&self) -> bool {
        matches!(self, Self::Retransmitted(..) | Self::Reset(..))
    }

    /// Whether a socket's life in a connection begins with it.
    pub(super) const fn is_beginning(&self) -> bool {
        use TcpState::{Close, Listen, SynRecv, SynSent};
        matches!(self, Self::Changed(Close, SynSent | SynRecv, ..) | Self::Changed(Listen, SynRecv, ..))
    }
}

/// Who ended a connection first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstClose {
    /// This side.
    Side(usize, Option<Cause>),
    /// The peer of this side, which is not on this host, or was not seen to act.
    Peer(usize, Option<Cause>),
    /// Neither: the connection never opened.
    Never(usize, Option<Cause>),
}

impl Step {
    /// Who ended the connection first, as far as the step says. The states do too, where the step into them was not
    /// emitted: in `FIN_WAIT1` and `FIN_WAIT2` this side has sent its FIN first, in `CLOSE_WAIT` and `LAST_ACK` the peer.
    pub(super) fn closes(&self) -> Option<FirstClose> {
        use TcpState::{Close, CloseWait, FinWait1, FinWait2, LastAck, SynRecv, SynSent, TimeWait};
        let side = self.side;
        let (from, to, context, cause) = match self.what {
            What::Existing(FinWait1 | FinWait2 | TimeWait) | What::Orphaned(_) => {
                return Some(FirstClose::Side(side, None));
            }
            What::Existing(CloseWait | LastAck) => {
                return Some(FirstClose::Peer(side, Some(Cause::FinReceived)));
            }
            What::Existing(_) | What::Retransmitted(..) | What::Reset(..) => return None,
            What::Changed(from, to, context, cause) => (from, to, context, cause),
        };
        match (from, to) {
            (FinWait1 | FinWait2, _) => Some(FirstClose::Side(side, None)),
            (CloseWait | LastAck, _) | (_, CloseWait | LastAck) => {
                Some(FirstClose::Peer(side, Some(Cause::FinReceived)))
            }
            (_, FinWait1 | FinWait2) => Some(FirstClose::Side(side, cause)),
            // What ended it was not seen.
            (_, Close) if context.is_some_and(|context| context.is_gap_after(from)) => None,
            (SynSent | SynRecv, Close) => Some(FirstClose::Never(side, cause)),
            (_, Close) if cause == Some(Cause::ResetReceived) => Some(FirstClose::Peer(side, cause)),
            (_, Close) => Some(FirstClose::Side(side, cause)),
            _ => None,
        }
    }

    /// Whether only its result was seen.
    #[must_use]
    pub fn is_unseen(&self) -> bool {
        matches!(self.what, What::Changed(from, _, Some(context), _) if context.is_gap_after(from))
    }

    /// The step as a transition, for the words that describe it.
    #[must_use]
    pub fn transition(&self, subject: Subject) -> Option<Transition> {
        let What::Changed(from, to, context, cause) = self.what else { return None };
        Some(Transition {
            at: self.at,
            subject,
            from,
            to,
            in_from_ns: None,
            since_first_ns: None,
            context,
            cause,
            numbers: None,
        })
    }
}
