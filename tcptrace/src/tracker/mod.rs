//! From events to the story: one life per socket, two sockets per connection, owners and causes.
//!
//! Pure: time is an argument. A socket that reaches `CLOSE`, or that a time-wait stand-in takes over, is forgotten; so
//! the tables are as large as the number of open sockets. What is left over are sockets whose end no event tells: those
//! found at the start as requests or as stand-ins in `FIN_WAIT2`, and those whose end was turned away by the kernel's
//! filter once their port was known: until their place in memory is used again, or a list shows that they are gone.

mod cause;
mod merge;
mod minisockets;
mod owner;
mod process_tree;
mod repair;
mod socket;
mod socket_events;
mod sockets;
#[cfg(test)]
pub(crate) mod tests;

pub use merge::{SocketInfo, begun_requests, merge};
pub use process_tree::ProcessTree;
pub use repair::SockDiagDump;

use crate::{
    address::Tuple,
    cgroup::Cgroups,
    event::StateChange,
    process::{Owners, Thread},
    record::{Cause, Context, Existing, Inference, Orphan, Record, SocketId, Transition},
    tcp::TcpState,
    time::Moment,
};
use socket::{Key, Socket, SocketKeys};
use sockets::{Closing, Request, Sockets};

/// Sources of the tracker besides the state changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrackerConfig {
    /// The timers of minisockets and request sockets are reported as socket events.
    pub minisocket_timers: bool,
    /// The kernel's minisockets are dumped now and then, as long as [`Tracker::has_unwatched`].
    pub periodic_dumps: bool,
}

/// Follows every socket that it is told of.
#[derive(Debug, Default)]
pub struct Tracker {
    config: TrackerConfig,
    sockets: Sockets,
    /// Time from which every request socket is known, seen or dumped; nanoseconds.
    requests_known_from: Option<u64>,
    /// Time from which the beginning of every minisocket was seen; nanoseconds.
    minisockets_known_from: Option<u64>,
    /// The listening socket that was closed last.
    closing: Option<Closing>,
    process_tree: ProcessTree,
    owners: Owners,
    cgroups: Cgroups,
}

impl Tracker {
    /// Creates a tracker that knows no socket yet.
    #[must_use]
    pub fn new(config: TrackerConfig) -> Self {
        Self { config, ..Self::default() }
    }

    /// Sets the time, in nanoseconds, from which every request socket is known, seen or dumped: a child without one
    /// comes from a SYN cookie.
    pub const fn set_requests_known_from(&mut self, mono_ns: u64) {
        self.requests_known_from = Some(mono_ns);
    }

    /// Sets the time, in nanoseconds, from which the beginning of every minisocket was seen: where none was seen, the
    /// kernel made none.
    pub const fn set_minisockets_known_from(&mut self, mono_ns: u64) {
        self.minisockets_known_from = Some(mono_ns);
    }

    /// The processes that were asked for together with their descendants.
    pub const fn process_tree(&mut self) -> &mut ProcessTree {
        &mut self.process_tree
    }

    /// The cgroups that events speak of by id.
    pub const fn cgroups(&mut self) -> &mut Cgroups {
        &mut self.cgroups
    }

    /// Takes in a socket that existed before the trace, and tells of it.
    pub fn found(&mut self, at: Moment, found: &SocketInfo, out: &mut Vec<Record>) {
        let id = self.sockets.allocate_id(found.cookie);
        let keys = SocketKeys { cookie: found.cookie, pointer: None, tuple: found.tuple };
        let mut socket = Socket::new(id, found.state, found.netns, keys);
        socket.owner = found.owner.map(|owner| self.owners.share(self.process_tree.mark(owner)));
        socket.cgroup = found.cgroup.clone();
        let key = self.sockets.insert(socket);
        if found.state != TcpState::Listen {
            self.sockets.connect(key);
        }
        let Some(socket) = self.sockets.get(key) else { return };
        out.push(Record::Existing(Existing { at, subject: socket.subject(), state: found.state }));
        // Always a stand-in: no event will come.
        match (found.state, self.config.minisocket_timers, self.config.periodic_dumps) {
            (TcpState::TimeWait, false, true) => self.sockets.become_unwatched_minisocket(key),
            (TcpState::TimeWait, false, false) => self.sockets.end(key, out),
            _ => {}
        }
    }

    /// Takes in an event, and tells what it means.
    pub fn apply(&mut self, at: Moment, event: &StateChange, out: &mut Vec<Record>) {
        let knows_minisocket = self.knows_minisocket(at, event);
        let (key, again) =
            if begins(event) { self.begin(at, event, out) } else { (self.resume(at, event, out), false) };
        let cause = cause::cause(event)
            .or_else(|| self.taken_along(event))
            .or_else(|| self.sockets.get(key).and_then(|socket| cause::syn_cookie(at, event, socket)));
        self.closing = Closing::of(event).or(self.closing);
        let holder = owner::holder(event, cause);
        let context = owner::context(event);
        let Some(socket) = self.sockets.get_mut(key) else { return };
        let minisocket = socket.take_minisocket();
        let has_none = minisocket.is_none() && knows_minisocket;
        let step = match socket.transient().given_up || has_none {
            true => Step::Plain,
            false => Step::of(event, minisocket.map(|(_, state)| state)),
        };
        let got_fin = step == Step::TimeWait && event.from == TcpState::FinWait2;
        let cause = match has_none && cause::lacks_time_wait(event) {
            true => Some(Cause::TimeWaitLimit),
            false => cause.or(got_fin.then_some(Cause::FinReceived)),
        };
        if let Some(holder) = holder {
            self.owners.put(self.process_tree.mark(holder), &mut socket.owner);
        }
        let holder_pid = holder.map(|holder| holder.pid);
        if let Some(cgroup) = self.cgroups.of_socket(event.cgroup, holder_pid, socket.cgroup.as_deref()) {
            socket.cgroup = Some(cgroup);
        }
        let in_from_ns = socket.lasted(at);
        let seen =
            |inference| if minisocket.is_some() { context } else { Some(Context::Inferred(inference)) };
        let (to, context) = match step {
            Step::Plain => (event.to, context),
            Step::TimeWait => (TcpState::TimeWait, seen(Inference::FinReceived)),
            Step::Orphaned => (event.from, seen(Inference::Orphaned)),
        };
        socket.enter(to, at);
        if to == TcpState::SynSent {
            socket.update_transient(|transient| transient.connecting = Some(event.task.tid));
        }
        if to == TcpState::Listen {
            self.sockets.add_listener(key);
        }
        let Some(socket) = self.sockets.get(key) else { return };
        let connection = socket.connection();
        let mut subject = socket.subject();
        // Of this step alone: the next one may be another thread's.
        if let (Some(owner), Some(_)) = (&mut subject.owner, holder) {
            owner.thread = Some(Thread { tid: event.task.tid, comm: event.task.thread });
        }
        let since_first_ns = connection.map(|id| self.sockets.since_first(id, at));
        let record = match step {
            Step::Orphaned => {
                Record::Orphan(Orphan { at, subject, state: event.from, since_first_ns, context })
            }
            Step::Plain | Step::TimeWait => Record::Transition(Transition {
                at,
                subject,
                from: event.from,
                to,
                in_from_ns,
                since_first_ns,
                context,
                cause,
                numbers: event.numbers.filter(|_| !begins(event)),
            }),
        };
        if (event.from, event.to, cause) == (TcpState::LastAck, TcpState::Close, None) {
            self.peer_closed(at, key, out);
        }
        if again {
            self.sockets.count_extra(-1);
        } else {
            self.sockets.tell(key, record, out);
        }
        match (step, minisocket) {
            (Step::TimeWait | Step::Orphaned, Some((pointer, _))) => {
                self.sockets.become_minisocket(key, pointer)
            }
            (Step::TimeWait | Step::Orphaned, None) if self.config.periodic_dumps => {
                self.sockets.become_unwatched_minisocket(key)
            }
            _ if event.to == TcpState::Close => self.sockets.end(key, out),
            _ => {}
        }
    }

    /// Whether it is known if a minisocket takes over from the socket that this event closes. Its note names the socket by its
    /// cookie; one that no event has spoken of before may have got that in between, from a list.
    fn knows_minisocket(&self, at: Moment, event: &StateChange) -> bool {
        let known = |cookie| self.sockets.get(self.sockets.with_cookie(cookie)?)?.pointer();
        matches!((event.from, event.to), (TcpState::FinWait2 | TcpState::Closing, TcpState::Close))
            && self.config.minisocket_timers
            && self.minisockets_known_from.is_some_and(|from| at.mono_ns >= from)
            && event.cookie.and_then(known).is_some()
    }

    /// A connection that nobody accepted ends with its listener.
    fn taken_along(&self, event: &StateChange) -> Option<Cause> {
        use TcpState::{CloseWait, Established, SynRecv};
        let opened = matches!(event.from, SynRecv | Established | CloseWait);
        (opened && self.closing.is_some_and(|closing| closing.takes_along(event)))
            .then_some(Cause::ListenerClosed)
    }

    /// Steps that were told, and that no event of the kernel reports: to be added to what the kernel side has seen.
    #[must_use]
    pub const fn extra(&self) -> i64 {
        self.sockets.extra()
    }

    /// Tells what was held back for want of a port that never became known.
    pub fn finish(&mut self, out: &mut Vec<Record>) {
        self.sockets.release_all(out);
    }

    /// Whether a socket is in this state, as far as is known.
    #[must_use]
    pub fn is_in_state(&self, socket: SocketId, state: TcpState) -> bool {
        self.sockets.with_id(socket).is_some_and(|socket| socket.state == state)
    }

    /// Sockets that are open, as far as is known.
    #[must_use]
    pub fn open(&self) -> usize {
        self.sockets.len()
    }

    /// A new life: `connect()`, `listen()`, or a child of a listening socket; and whether its request told of it before.
    fn begin(&mut self, at: Moment, event: &StateChange, out: &mut Vec<Record>) -> (Key, bool) {
        // Before Linux 6.15 a child still has the listener's cookie and addresses here (inet_csk_clone_lock).
        let unfinished = is_unfinished(event);
        let cookie = event.cookie.filter(|_| !unfinished);
        let request = (event.to == TcpState::SynRecv)
            .then(|| self.sockets.take_request(cookie, event.netns, &event.tuple))
            .flatten();
        self.end_stale(at, cookie.and_then(|cookie| self.sockets.with_cookie(cookie)), out);
        self.end_stale(at, self.sockets.with_pointer(event.pointer), out);
        let id = self.sockets.allocate_id(cookie);
        let keys = SocketKeys { cookie, pointer: Some(event.pointer), tuple: event.tuple };
        let mut socket = Socket::new(id, event.from, event.netns, keys);
        socket.unfinished = unfinished;
        if event.from == TcpState::Listen {
            let knows = self.config.minisocket_timers
                && self.requests_known_from.is_some_and(|from| at.mono_ns >= from);
            if knows && request.is_none() {
                socket.update_transient(|transient| {
                    transient.without_request = Some((at.mono_ns, event.task.tid))
                });
            }
            let parent = self.sockets.parent(event);
            socket.owner = parent.owner.map(|owner| self.owners.share(owner));
            socket.cgroup = parent.cgroup;
        }
        let key = self.sockets.insert(socket);
        match request.as_ref().and_then(|request| request.place) {
            Some(place) => self.sockets.connect_as(key, place),
            None if event.to == TcpState::Listen || unfinished => {}
            None => self.sockets.connect(key),
        }
        let Some(Request { name, noted: Some((since, held)), .. }) = request else { return (key, false) };
        if let Some(socket) = self.sockets.get_mut(key) {
            socket.state = event.to;
            socket.set_since(since);
            if let Some(name) = name {
                socket.set_name(name);
            }
            let subject = socket.subject();
            out.extend(held.into_iter().map(|record| self.sockets.renamed(record, subject.clone())));
        }
        (key, true)
    }

    /// A step in a life that we know, or meet in its middle.
    fn resume(&mut self, at: Moment, event: &StateChange, out: &mut Vec<Record>) -> Key {
        let known = self.sockets.find(event);
        let at_pointer = self.sockets.with_pointer(event.pointer);
        if at_pointer != known {
            self.end_stale(at, at_pointer, out);
        }
        let key = known.unwrap_or_else(|| {
            // What the event tells of it is learned next.
            let keys = SocketKeys { cookie: None, pointer: None, tuple: Tuple::NOBODY };
            let socket = Socket::new(self.sockets.allocate_id(event.cookie), event.from, None, keys);
            self.sockets.insert(socket)
        });
        self.sockets.learn(key, event, out);
        self.unseen(at, key, event.from, Inference::Continuity, out);
        key
    }

    /// Ends a life whose end was missed: its cookie or its place in memory belongs to another socket now.
    fn end_stale(&mut self, at: Moment, stale: Option<Key>, out: &mut Vec<Record>) {
        if let Some(stale) = stale {
            self.unseen(at, stale, TcpState::Close, Inference::Continuity, out);
            self.sockets.end(stale, out);
        }
    }

    /// Tells of a step that must have happened unseen, if the socket is not where it ought to be.
    fn unseen(&mut self, at: Moment, key: Key, now: TcpState, evidence: Inference, out: &mut Vec<Record>) {
        let Some(socket) = self.sockets.get_mut(key) else { return };
        let from = socket.state;
        if from == now {
            return;
        }
        socket.state = now;
        socket.set_since(None);
        let subject = socket.subject();
        let since_first_ns = socket.connection().map(|id| self.sockets.since_first(id, at));
        let record = Record::Transition(Transition {
            at,
            subject,
            from,
            to: now,
            in_from_ns: None,
            since_first_ns,
            context: Some(Context::Inferred(evidence)),
            cause: None,
            numbers: None,
        });
        self.sockets.tell(key, record, out);
    }
}

/// Whether the event is the first of a socket's life.
fn begins(event: &StateChange) -> bool {
    event.from == TcpState::Close || (event.from, event.to) == (TcpState::Listen, TcpState::SynRecv)
}

/// Whether the event shows a child before the kernel gave it its own cookie and addresses (Linux before 6.15).
fn is_unfinished(event: &StateChange) -> bool {
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
    /// `tcp_time_wait` closes the full socket, and the tracepoint calls that `CLOSE`. The minisocket tells what it is;
    /// if that was not seen, the socket's own fields: with the peer's FIN `TIME_WAIT`; without it a reset if there is an error, else an orphan that waits on.
    fn of(event: &StateChange, minisocket: Option<TcpState>) -> Self {
        match minisocket.filter(|_| event.to == TcpState::Close) {
            Some(TcpState::FinWait2) => return Self::Orphaned,
            Some(_) => return Self::TimeWait,
            None => {}
        }
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
