//! From events to the story: one life per socket, two sockets per connection, owners and causes.
//!
//! Pure: time is an argument. A socket that reaches `CLOSE`, or that a time-wait stand-in takes over, is forgotten; so
//! the tables are as large as the number of open sockets. What is left over are sockets whose end no event tells: those
//! found at the start as requests or as stand-ins in `FIN_WAIT2`, and those whose end was lost or, once their port was
//! known, turned away by the kernel's filter; the latter until their place in memory is used again.

mod cause;
mod merge;
mod owner;
mod socket;
mod sockets;
#[cfg(test)]
pub(crate) mod tests;

pub use merge::{Found, merge};

use crate::{
    event::Event,
    process::{Evidence, Owner},
    record::{Context, Existing, Inference, Orphan, Record, Transition},
    tcp::TcpState,
    time::Moment,
};
use socket::Socket;
use sockets::{Key, Sockets};

/// Follows every socket that it is told of.
#[derive(Debug, Default)]
pub struct Tracker {
    sockets: Sockets,
}

impl Tracker {
    /// A tracker that knows nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in a socket that existed before the trace, and tells of it.
    pub fn found(&mut self, at: Moment, found: &Found, out: &mut Vec<Record>) {
        let id = self.sockets.name(found.cookie);
        let mut socket = Socket::new(id, found.state);
        socket.cookie = found.cookie;
        socket.netns = found.netns;
        socket.tuple = found.tuple;
        socket.owner = found.owner;
        let key = self.sockets.insert(socket);
        if found.state != TcpState::Listen {
            self.sockets.connect(key);
        }
        let Some(socket) = self.sockets.get(key) else { return };
        out.push(Record::Existing(Existing { at, subject: socket.subject(), state: found.state }));
        if found.state == TcpState::TimeWait {
            // Always a stand-in: no event will come.
            self.sockets.end(key, out);
        }
    }

    /// Takes in an event, and tells what it means.
    pub fn apply(&mut self, at: Moment, event: &Event, out: &mut Vec<Record>) {
        let key = if begins(event) { self.begin(at, event, out) } else { self.resume(at, event, out) };
        let cause = cause::cause(event);
        let holder = owner::holder(event, cause);
        let context = owner::context(event);
        let step = Step::of(event);

        let Some(socket) = self.sockets.get_mut(key) else { return };
        if let Some(holder) = holder {
            socket.owner = Some(holder);
        }
        let in_from_ns = socket.since.map(|since| at.since(since));
        let (to, context) = match step {
            Step::Plain => (event.to, context),
            Step::TimeWait => (TcpState::TimeWait, Some(Context::Inferred(Inference::FinReceived))),
            Step::Orphaned => (event.from, Some(Context::Inferred(Inference::Orphaned))),
        };
        if socket.state != to {
            socket.state = to;
            socket.since = Some(at);
        }
        if to == TcpState::Listen {
            self.sockets.listens(key);
        }
        let Some(socket) = self.sockets.get(key) else { return };
        let connection = socket.connection;
        let subject = socket.subject();
        let since_first_ns = connection.map(|id| self.sockets.since_first(id, at));
        let record = match step {
            Step::Orphaned => Record::Orphan(Orphan { at, subject, state: event.from, since_first_ns }),
            Step::Plain | Step::TimeWait => Record::Transition(Transition {
                at,
                subject,
                from: event.from,
                to,
                in_from_ns,
                since_first_ns,
                context,
                cause,
            }),
        };
        self.sockets.tell(key, record, out);
        if event.to == TcpState::Close {
            self.sockets.end(key, out);
        }
    }

    /// Tells what was held back for want of a port that never became known.
    pub fn finish(&mut self, out: &mut Vec<Record>) {
        self.sockets.release_all(out);
    }

    /// Sockets that are open, as far as is known.
    #[must_use]
    pub fn open(&self) -> usize {
        self.sockets.len()
    }

    /// A new life: `connect()`, `listen()`, or a child of a listening socket.
    fn begin(&mut self, at: Moment, event: &Event, out: &mut Vec<Record>) -> Key {
        // Before Linux 6.15 a child still has the listener's cookie and addresses here (inet_csk_clone_lock).
        let unfinished = is_unfinished(event);
        let cookie = event.cookie.filter(|_| !unfinished);
        let place = (event.to == TcpState::SynRecv)
            .then(|| self.sockets.take_request(cookie, event.netns, &event.tuple))
            .flatten();
        self.end_stale(at, cookie.and_then(|cookie| self.sockets.with_cookie(cookie)), out);
        self.end_stale(at, self.sockets.with_pointer(event.pointer), out);
        let id = self.sockets.name(cookie);
        let mut socket = Socket::new(id, event.from);
        socket.cookie = cookie;
        socket.pointer = Some(event.pointer);
        socket.netns = event.netns;
        socket.tuple = event.tuple;
        socket.unfinished = unfinished;
        if event.from == TcpState::Listen {
            socket.owner = self
                .sockets
                .listener_owner(event)
                .map(|owner| Owner { evidence: Evidence::Listener, ..owner });
        }
        let key = self.sockets.insert(socket);
        match place {
            Some(place) => self.sockets.connect_as(key, place),
            None if event.to == TcpState::Listen || unfinished => {}
            None => self.sockets.connect(key),
        }
        key
    }

    /// A step in a life that we know, or meet in its middle.
    fn resume(&mut self, at: Moment, event: &Event, out: &mut Vec<Record>) -> Key {
        let known = self.sockets.find(event);
        let at_pointer = self.sockets.with_pointer(event.pointer);
        if at_pointer != known {
            self.end_stale(at, at_pointer, out);
        }
        let key = known.unwrap_or_else(|| {
            let socket = Socket::new(self.sockets.name(event.cookie), event.from);
            self.sockets.insert(socket)
        });
        self.sockets.learn(key, event, out);
        self.gap(at, key, event.from, out);
        key
    }

    /// Ends a life whose end was missed: its cookie or its place in memory belongs to another socket now.
    fn end_stale(&mut self, at: Moment, stale: Option<Key>, out: &mut Vec<Record>) {
        if let Some(stale) = stale {
            self.gap(at, stale, TcpState::Close, out);
            self.sockets.end(stale, out);
        }
    }

    /// Tells of a step that must have happened unseen, if the socket is not where it ought to be.
    fn gap(&mut self, at: Moment, key: Key, now: TcpState, out: &mut Vec<Record>) {
        let Some(socket) = self.sockets.get_mut(key) else { return };
        let from = socket.state;
        if from == now {
            return;
        }
        socket.state = now;
        socket.since = None;
        let subject = socket.subject();
        let since_first_ns = socket.connection.map(|id| self.sockets.since_first(id, at));
        let record = Record::Transition(Transition {
            at,
            subject,
            from,
            to: now,
            in_from_ns: None,
            since_first_ns,
            context: Some(Context::Inferred(Inference::Continuity)),
            cause: None,
        });
        self.sockets.tell(key, record, out);
    }
}

/// Whether the event is the first of a socket's life.
fn begins(event: &Event) -> bool {
    event.from == TcpState::Close || (event.from, event.to) == (TcpState::Listen, TcpState::SynRecv)
}

/// Whether the event shows a child before the kernel gave it its own cookie and addresses (Linux before 6.15).
fn is_unfinished(event: &Event) -> bool {
    // From CLOSE if the listener closes meanwhile.
    matches!(event.from, TcpState::Listen | TcpState::Close)
        && event.to == TcpState::SynRecv
        && !event.tuple.remote.is_set()
}

/// What an event really is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// What it says.
    Plain,
    /// Into `TIME_WAIT`: a stand-in replaces the full socket.
    TimeWait,
    /// It stays in `FIN_WAIT2`, but as a stand-in without a process.
    Orphaned,
}

impl Step {
    /// `tcp_time_wait` closes the full socket, and the tracepoint calls that `CLOSE`. The socket's own fields tell what
    /// it is: with the peer's FIN `TIME_WAIT`; without it a reset if there is an error, else an orphan that waits on.
    fn of(event: &Event) -> Self {
        let Some(facts) = event.sock.filter(|_| event.to == TcpState::Close) else {
            return Self::Plain;
        };
        match event.from {
            TcpState::FinWait2 if facts.fin_received => Self::TimeWait,
            TcpState::Closing if facts.error == 0 => Self::TimeWait,
            TcpState::FinWait2 if facts.error == 0 && facts.orphan => Self::Orphaned,
            _ => Self::Plain,
        }
    }
}
