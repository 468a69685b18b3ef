//! History of one connection: its ends, and its steps in order.

mod side;
mod step;
#[cfg(test)]
mod tests;

use crate::{
    record::{ConnectionId, Record, SocketId, Subject},
    tcp::TcpState,
    time::Moment,
};

pub use side::{Counted, Side};
pub use step::{FirstClose, Step, What};

/// History of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionHistory {
    /// Number of the connection.
    pub id: ConnectionId,
    /// Ends of the connection on this host: one or two.
    pub sides: Vec<Side>,
    /// Steps in the order of time; of single segments the latest.
    pub steps: Vec<Step>,
    /// Segments that were emitted before those.
    pub skipped: u64,
    /// Whether observers have been notified of its close.
    pub is_reported: bool,
}

/// Number of single segments that are kept of a connection: one that goes on for days may have any number.
const SEGMENTS: usize = 100;

impl ConnectionHistory {
    pub(super) fn new(id: ConnectionId) -> Self {
        // Room for a life of two ends from handshake to close, which is eleven steps: most have no more.
        Self { id, sides: Vec::new(), steps: Vec::with_capacity(11), skipped: 0, is_reported: false }
    }

    /// Takes in a record about this connection.
    pub(super) fn add(&mut self, subject: &Subject, record: &Record) {
        let index = self.side(subject);
        self.sides[index].add(subject, record);
        let Some((at, what)) = What::of(record) else { return };
        // Usually at the end; not if the record was held back until a port was known.
        let place = self.steps.partition_point(|step| step.at.mono_ns <= at.mono_ns);
        let is_first = self.steps[..place].iter().all(|step| step.side != index || step.what.is_segment());
        let is_segment = what.is_segment();
        // Until there is a step of the state machine, segments say that the connection has a past.
        if is_first && !(is_segment && self.has_state_step(index)) {
            self.sides[index].is_cut = side::has_past(record) && !what.is_beginning();
        }
        self.steps.insert(place, Step { at, side: index, what });
        if is_segment {
            self.limit_segments();
        }
    }

    /// Keeps the latest segments, and counts the others.
    fn limit_segments(&mut self) {
        if self.steps.iter().filter(|step| step.what.is_segment()).count() > SEGMENTS {
            self.skipped += 1;
            let oldest = self.steps.iter().position(|step| step.what.is_segment());
            oldest.map(|oldest| self.steps.remove(oldest));
        }
    }

    /// Drops the segments, of which an open connection may have any number.
    pub(super) fn forget_segments(&mut self) {
        self.steps.retain(|step| !step.what.is_segment());
    }

    /// Takes in all of another history that turned out to be of the same connection.
    pub(super) fn absorb(&mut self, other: Self) {
        let offset = self.sides.len();
        self.sides.extend(other.sides);
        self.skipped += other.skipped;
        self.steps.extend(other.steps.into_iter().map(|step| Step { side: step.side + offset, ..step }));
        self.steps.sort_by_key(|step| step.at.mono_ns);
    }

    fn side(&mut self, subject: &Subject) -> usize {
        let known = self.sides.iter().position(|side| side.socket == subject.socket);
        known.unwrap_or_else(|| {
            // There are two at most, and as many histories as open connections: a vector by itself makes room for four.
            self.sides.reserve_exact(1);
            self.sides.push(Side::new(subject));
            self.sides.len() - 1
        })
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

    /// Whether the steps of each side are there from its first one on.
    #[must_use]
    pub fn begins(&self) -> bool {
        (0..self.sides.len()).all(|side| self.begins_at(side))
    }

    /// Whether the steps of this side are there from its first one on.
    pub(super) fn begins_at(&self, side: usize) -> bool {
        self.state_steps().find(|step| step.side == side).is_some_and(|step| step.what.is_beginning())
    }

    fn has_state_step(&self, side: usize) -> bool {
        self.state_steps().any(|step| step.side == side)
    }

    /// Whether it has this socket.
    pub(super) fn has(&self, socket: SocketId) -> bool {
        self.sides.iter().any(|side| side.socket == socket)
    }

    /// Whether both of its ends are known. Then a socket stays in it: only of half a connection, with the other half emitted
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

    /// Whether anything happened to it while it was watched, be it a single segment.
    #[must_use]
    pub fn has_changed(&self) -> bool {
        self.steps.iter().any(|step| !matches!(step.what, What::Existing(_)))
    }

    /// Whether one of its sockets changed its state, or lost its process, while it was watched.
    #[must_use]
    pub fn has_changed_state(&self) -> bool {
        self.steps.iter().any(|step| matches!(step.what, What::Changed(..) | What::Orphaned(_)))
    }

    /// Who ended it first, and how, as far as one side shows.
    #[must_use]
    pub fn first_close(&self) -> Option<FirstClose> {
        self.steps.iter().find_map(Step::closes)
    }
}
