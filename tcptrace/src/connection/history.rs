//! One connection as it was told: its ends, and its steps in order.

#[cfg(test)]
mod tests;

use crate::{
    address::{Netns, Tuple},
    process::Owner,
    record::{Cause, ConnectionId, Context, Numbers, Record, SocketId, Subject, Transition},
    tcp::TcpState,
    time::Moment,
};

/// One end of a connection on this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Side {
    /// Its socket.
    pub socket: SocketId,
    /// Where it lives.
    pub netns: Option<Netns>,
    /// Its addresses.
    pub tuple: Tuple,
    /// Its last known owner.
    pub owner: Option<Owner>,
    /// The last state that was told.
    pub state: TcpState,
    /// When it entered that state, if that was seen.
    pub since: Option<Moment>,
    /// Whether the kernel keeps it without a process.
    pub orphan: bool,
    /// Whether it existed before the trace.
    pub existing: bool,
    /// What the kernel had counted at its latest step that says so.
    pub counted: Option<Counted>,
    /// Segments that were told to be sent again.
    pub retransmits: u64,
}

/// What the kernel had counted at a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// The numbers.
    pub numbers: Numbers,
    /// The state that was left.
    pub from: TcpState,
    /// The state that was entered.
    pub to: TcpState,
    /// Whether nothing broke the connection at this step.
    pub in_order: bool,
}

impl Side {
    /// Whether it is closed, or nothing but time keeps it.
    fn is_over(&self) -> bool {
        matches!(self.state, TcpState::Close | TcpState::TimeWait)
    }

    /// Its socket, as the subject of a record.
    #[must_use]
    pub const fn subject(&self) -> Subject {
        Subject {
            socket: self.socket,
            connection: None,
            netns: self.netns,
            tuple: self.tuple,
            owner: self.owner,
            cgroup: None,
        }
    }
}

/// One step of one side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// When.
    pub at: Moment,
    /// Index of the side.
    pub side: usize,
    /// What.
    pub what: What,
}

/// What a step was.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum What {
    /// It was there.
    Existing(TcpState),
    /// It changed.
    Changed(TcpState, TcpState, Option<Context>, Option<Cause>),
    /// It lost its process and stays.
    Orphaned(TcpState),
    /// It sent something again, for so many times in this state.
    Retransmitted(TcpState, u64),
    /// It sent a RST, for this reason.
    Reset(TcpState, Option<String>),
}

impl What {
    /// Whether it is a single segment, and no step from state to state.
    const fn is_segment(&self) -> bool {
        matches!(self, Self::Retransmitted(..) | Self::Reset(..))
    }
}

/// A connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionHistory {
    /// Its number.
    pub id: ConnectionId,
    /// Its ends on this host: one or two.
    pub sides: Vec<Side>,
    /// Its steps, in the order of time; of single segments the latest.
    pub steps: Vec<Step>,
    /// Segments that were told before those.
    pub skipped: u64,
}

/// So many single segments of a connection are kept: one that goes on for days may have any number.
const SEGMENTS: usize = 100;

impl ConnectionHistory {
    pub(super) fn new(id: ConnectionId) -> Self {
        // Room for a life of two ends from handshake to close, which is eleven steps: most have no more.
        Self { id, sides: Vec::new(), steps: Vec::with_capacity(11), skipped: 0 }
    }

    /// Takes in a record about this connection.
    pub(super) fn add(&mut self, subject: &Subject, record: &Record) {
        let side = self.side(subject);
        let (at, what) = match record {
            Record::Existing(found) => {
                self.sides[side].existing = true;
                self.sides[side].state = found.state;
                (found.at, What::Existing(found.state))
            }
            Record::Transition(step) => {
                self.sides[side].state = step.to;
                let counted = |numbers| Counted {
                    numbers,
                    from: step.from,
                    to: Cause::stands_for(step.cause, step.to),
                    in_order: step.cause.is_none(),
                };
                self.sides[side].counted = step.numbers.map(counted).or(self.sides[side].counted);
                self.sides[side].since =
                    (!step.context.is_some_and(|context| context.is_unseen(step.from))).then_some(step.at);
                (step.at, What::Changed(step.from, step.to, step.context, step.cause))
            }
            Record::Orphan(orphan) => {
                self.sides[side].orphan = true;
                (orphan.at, What::Orphaned(orphan.state))
            }
            Record::Retransmit(sent) => {
                self.sides[side].retransmits += 1;
                (sent.at, What::Retransmitted(sent.state, sent.count))
            }
            Record::Reset(reset) => (reset.at, What::Reset(reset.state, reset.reason.clone())),
            Record::Start(_)
            | Record::Stuck(_)
            | Record::Connection(_)
            | Record::Lost(_)
            | Record::End(_) => return,
        };
        // Usually at the end; not if the record was held back until a port was known.
        let place = self.steps.partition_point(|step| step.at.mono_ns <= at.mono_ns);
        let is_segment = what.is_segment();
        self.steps.insert(place, Step { at, side, what });
        if is_segment && self.steps.iter().filter(|step| step.what.is_segment()).count() > SEGMENTS {
            self.skipped += 1;
            let oldest = self.steps.iter().position(|step| step.what.is_segment());
            oldest.map(|oldest| self.steps.remove(oldest));
        }
    }

    /// Leaves out segments, of which an open connection may have any number.
    pub(super) fn forget_segments(&mut self) {
        self.steps.retain(|step| !step.what.is_segment());
    }

    /// Takes in all of another account that turned out to be of the same connection.
    pub(super) fn absorb(&mut self, other: Self) {
        let offset = self.sides.len();
        self.sides.extend(other.sides);
        self.skipped += other.skipped;
        self.steps.extend(other.steps.into_iter().map(|step| Step { side: step.side + offset, ..step }));
        self.steps.sort_by_key(|step| step.at.mono_ns);
    }

    fn side(&mut self, subject: &Subject) -> usize {
        let known = self.sides.iter().position(|side| side.socket == subject.socket);
        let index = known.unwrap_or_else(|| {
            // There are two at most, and as many accounts as open connections: a vector by itself makes room for four.
            self.sides.reserve_exact(1);
            self.sides.push(Side {
                socket: subject.socket,
                netns: subject.netns,
                tuple: subject.tuple,
                owner: None,
                state: TcpState::Close,
                since: None,
                orphan: false,
                existing: false,
                counted: None,
                retransmits: 0,
            });
            self.sides.len() - 1
        });
        let side = &mut self.sides[index];
        side.tuple = subject.tuple;
        side.owner = subject.owner.or(side.owner);
        index
    }

    /// Whether the connection is over: every side is in `CLOSE` or `TIME_WAIT`. An orphan in `FIN_WAIT2` is open until its
    /// end is emitted, also where its peer on this host has closed.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.sides.iter().all(Side::is_over)
    }

    /// When it was over: the time of its last state step, without what minisockets do afterwards unless there is nothing
    /// else. Every history with a state step has one.
    #[must_use]
    pub fn ended_at(&self) -> Option<Moment> {
        let lasts = |step: &&Step| match step.what {
            What::Changed(from, ..) => from != TcpState::TimeWait,
            What::Orphaned(_) => true,
            What::Existing(_) | What::Retransmitted(..) | What::Reset(..) => false,
        };
        self.state_steps().rfind(lasts).or_else(|| self.state_steps().next_back()).map(|step| step.at)
    }

    /// Steps of the state machine, without single segments.
    pub(super) fn state_steps(&self) -> impl DoubleEndedIterator<Item = &Step> {
        self.steps.iter().filter(|step| !step.what.is_segment())
    }

    /// Whether each side was told from its first step on.
    #[must_use]
    pub fn begins(&self) -> bool {
        use TcpState::{Close, Listen, SynRecv, SynSent};
        (0..self.sides.len()).all(|side| {
            let first = self.steps.iter().find(|step| step.side == side);
            first.is_some_and(|step| {
                matches!(
                    step.what,
                    What::Changed(Close, SynSent | SynRecv, ..) | What::Changed(Listen, SynRecv, ..)
                )
            })
        })
    }

    /// Whether it has this socket.
    pub(super) fn has(&self, socket: SocketId) -> bool {
        self.sides.iter().any(|side| side.socket == socket)
    }

    /// Whether both of its ends are known. Then a socket stays in it: only of half a connection, with the other half told
    /// elsewhere, the number turns out to be another one.
    pub(super) fn is_paired(&self) -> bool {
        match self.sides.as_slice() {
            [one, other] => one.tuple.is_complete() && one.tuple == other.tuple.reversed(),
            _ => false,
        }
    }

    /// Whether this socket's part of the connection is over.
    pub(super) fn has_ended(&self, socket: SocketId) -> bool {
        self.sides.iter().any(|side| side.socket == socket && side.is_over())
    }

    /// When the last step was.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.steps.last().map_or(0, |step| step.at.mono_ns)
    }

    /// The side that opened the connection; `None` if the beginning was not seen, or both did.
    #[must_use]
    pub fn opener(&self) -> Option<usize> {
        let mut openers = self.openers();
        let first = openers.next()?;
        openers.all(|side| side == first).then_some(first)
    }

    /// Whether this side was seen to connect.
    #[must_use]
    pub fn has_opened(&self, side: usize) -> bool {
        self.openers().any(|opener| opener == side)
    }

    /// Whether both ends were seen to connect.
    #[must_use]
    pub fn both_opened(&self) -> bool {
        self.openers().next().is_some() && self.opener().is_none()
    }

    fn openers(&self) -> impl Iterator<Item = usize> {
        self.steps.iter().filter_map(|step| match step.what {
            What::Changed(TcpState::SynSent, ..)
            | What::Changed(_, TcpState::SynSent, ..)
            | What::Existing(TcpState::SynSent) => Some(step.side),
            _ => None,
        })
    }

    /// The side that was seen to come from a listening socket: the peer opened the connection.
    #[must_use]
    pub fn accepted(&self) -> Option<usize> {
        self.steps.iter().find_map(|step| match step.what {
            What::Changed(TcpState::Listen | TcpState::Close, TcpState::SynRecv, ..) => Some(step.side),
            _ => None,
        })
    }

    /// Whether anything happened to it while it was watched.
    #[must_use]
    pub fn has_changed(&self) -> bool {
        self.steps.iter().any(|step| !matches!(step.what, What::Existing(_)))
    }

    /// Who ended it first, and how, as far as one side can tell.
    #[must_use]
    pub fn first_close(&self) -> Option<FirstClose> {
        self.steps.iter().find_map(Step::closes)
    }
}

/// Who ended a connection first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstClose {
    /// This side.
    Side(usize, Option<Cause>),
    /// The peer of this side, which is not on this host, or was not seen to act.
    Peer(usize, Option<Cause>),
    /// It never opened.
    Never(usize, Option<Cause>),
}

impl Step {
    /// What the step says about who ended the connection first. The states do too, where the step into them was not
    /// told: in `FIN_WAIT1` and `FIN_WAIT2` this side has sent its FIN first, in `CLOSE_WAIT` and `LAST_ACK` the peer.
    fn closes(&self) -> Option<FirstClose> {
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
            (_, Close) if context.is_some_and(|context| context.is_unseen(from)) => None,
            (SynSent | SynRecv, Close) => Some(FirstClose::Never(side, cause)),
            (_, Close) if cause == Some(Cause::ResetReceived) => Some(FirstClose::Peer(side, cause)),
            (_, Close) => Some(FirstClose::Side(side, cause)),
            _ => None,
        }
    }

    /// Whether only what came of it was seen.
    #[must_use]
    pub fn is_unseen(&self) -> bool {
        matches!(self.what, What::Changed(from, _, Some(context), _) if context.is_unseen(from))
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
