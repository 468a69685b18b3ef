//! One end of a connection on this host, as the latest record shows it.

use crate::{
    address::{Netns, Tuple},
    process::Owner,
    record::{Cause, Numbers, Record, SocketId, Subject, Transition},
    tcp::TcpState,
    time::Moment,
};

/// One end of a connection on this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Side {
    /// Its socket.
    pub socket: SocketId,
    /// Network namespace it lives in.
    pub netns: Option<Netns>,
    /// Its addresses.
    pub tuple: Tuple,
    /// Its last known owner.
    pub owner: Option<Owner>,
    /// The last state that was emitted.
    pub state: TcpState,
    /// When it entered that state, if that was seen.
    pub since: Option<Moment>,
    /// Whether the kernel keeps it without a process.
    pub orphan: bool,
    /// Whether it existed before the trace.
    pub existing: bool,
    /// Whether the trace saw steps before the first one here, which a filter then turned away.
    pub is_cut: bool,
    /// The kernel's counters at its latest step that has them.
    pub counted: Option<Counted>,
    /// Retransmits that were emitted.
    pub retransmits: u64,
}

/// The kernel's counters at a step.
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

impl Counted {
    fn at(step: &Transition) -> Option<Self> {
        Some(Self {
            numbers: step.numbers?,
            from: step.from,
            to: Cause::reached_state(step.cause, step.to),
            in_order: step.cause.is_none(),
        })
    }
}

impl Side {
    /// The end that this socket is, before its first step.
    pub(crate) const fn new(subject: &Subject) -> Self {
        Self {
            socket: subject.socket,
            netns: subject.netns,
            tuple: subject.tuple,
            owner: None,
            state: TcpState::Close,
            since: None,
            orphan: false,
            existing: false,
            is_cut: false,
            counted: None,
            retransmits: 0,
        }
    }

    /// Takes in a record about this socket.
    pub(super) fn add(&mut self, subject: &Subject, record: &Record) {
        self.tuple = subject.tuple;
        self.owner = subject.owner.or(self.owner);
        match record {
            Record::Existing(found) => {
                self.existing = true;
                self.state = found.state;
            }
            Record::Transition(step) => {
                self.state = step.to;
                self.counted = Counted::at(step).or(self.counted);
                let is_unseen = step.context.is_some_and(|context| context.is_gap_after(step.from));
                self.since = (!is_unseen).then_some(step.at);
            }
            Record::Orphan(_) => self.orphan = true,
            Record::Retransmit(_) => self.retransmits += 1,
            Record::Reset(_)
            | Record::Start(_)
            | Record::Stuck(_)
            | Record::Connection(_)
            | Record::Lost(_)
            | Record::End(_) => {}
        }
    }

    /// Whether it is closed, or nothing but time keeps it.
    pub(super) fn is_over(&self) -> bool {
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

/// Whether the trace saw something of the connection before this record: how its socket entered the state that it leaves,
/// or an earlier event.
pub(super) fn has_past(record: &Record) -> bool {
    let is_later = |since_first: Option<u64>| since_first.is_some_and(|since| since > 0);
    match record {
        Record::Transition(step) => step.in_from_ns.is_some(),
        Record::Orphan(orphan) => is_later(orphan.since_first_ns),
        Record::Retransmit(sent) => is_later(sent.since_first_ns),
        Record::Reset(reset) => is_later(reset.since_first_ns),
        _ => false,
    }
}
