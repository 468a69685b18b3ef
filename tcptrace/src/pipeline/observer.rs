//! Whoever looks at the records of a trace: an output, a count, a closure of a library user.

use std::{cell::RefCell, collections::HashMap, rc::Rc, time::Duration};

use crate::{
    connection::{ConnectionHistory, ConnectionTable, Retain},
    record::{End, Record},
    tcp::TcpState,
    time::Moment,
};

/// An observer of a trace. Nothing here can fail: what an observer does with a record, and with its own errors, is its own
/// matter, and never one of the others.
pub trait Observer {
    /// Needs of the observer besides the records.
    fn needs(&self) -> Needs {
        Needs::default()
    }

    /// Takes a record that the filter lets through.
    fn record(&mut self, record: &Record);

    /// Takes a connection that has just closed, after the record that closed it. Called only where
    /// [`Needs::connections`] is set for one of the observers.
    fn connection(&mut self, history: &ConnectionHistory) {
        let _ = history;
    }

    /// Hands on what it buffers: nothing more comes for a while.
    fn flush(&mut self) {}

    /// Takes the end of the trace, with all that is kept of its connections.
    fn finish(&mut self, ending: &Ending, connections: &ConnectionTable) {
        let _ = (ending, connections);
    }
}

/// Shared with somebody who asks it for something later.
impl<T: Observer> Observer for Rc<RefCell<T>> {
    fn needs(&self) -> Needs {
        self.borrow().needs()
    }

    fn record(&mut self, record: &Record) {
        self.borrow_mut().record(record);
    }

    fn connection(&mut self, history: &ConnectionHistory) {
        self.borrow_mut().connection(history);
    }

    fn flush(&mut self) {
        self.borrow_mut().flush();
    }

    fn finish(&mut self, ending: &Ending, connections: &ConnectionTable) {
        self.borrow_mut().finish(ending, connections);
    }
}

/// Needs of observers besides the records. The connection table keeps as much as the most demanding of them asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Connections: to hear when one closes, and which are open at the end.
    pub connections: bool,
    /// The single segments of connections too: retransmits and RSTs.
    pub segments: bool,
    /// Choice of the connections to keep when they have closed, until the end of the trace.
    pub closed: Retain,
    /// The sockets that the kernel has at the end.
    pub final_dump: bool,
}

impl Needs {
    /// Needs that serve both.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self {
            connections: self.connections || other.connections,
            segments: self.segments || other.segments,
            closed: self.closed.max(other.closed),
            final_dump: self.final_dump || other.final_dump,
        }
    }
}

/// The end of a trace, or of a recording.
#[derive(Clone, Debug)]
pub struct Ending {
    /// The last record: when, and what became of the events.
    pub end: End,
    /// When it was looked what is still open.
    pub open_at: Moment,
    /// Whether that is the end of the trace, and not just of what there is of its recording.
    pub is_complete: bool,
    /// Whether it comes from a recording: then nobody knows what is there now.
    pub is_recorded: bool,
    /// The sockets that the kernel dumps now, by cookie; `None` if it was not asked, or gave no answer.
    pub dumped: Option<HashMap<u64, Dumped>>,
}

/// A socket as the kernel dumps it at the end: what no event says, like the end of `TIME_WAIT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dumped {
    /// Its state.
    pub state: TcpState,
    /// When its timer expires, for those that end by themselves.
    pub expires: Option<Duration>,
}
