//! State changes, from the event to the record.

use super::{
    Key, Tracker,
    change::{Change, ChangeKind, Circumstances, Fate, is_first, is_unfinished},
    socket::{Birth, Socket, SocketKeys},
    sockets::{ClosingListener, Request},
};
use crate::{
    address::Tuple,
    event::StateChange,
    process::Thread,
    record::{Inference, Orphan, Record, Subject, Transition},
    tcp::TcpState,
    time::Moment,
};

impl Tracker {
    /// Applies a state change, and emits what it means.
    pub fn apply(&mut self, at: Moment, event: &StateChange, out: &mut Vec<Record>) {
        // Before the event makes its socket known.
        let shows_minisockets = self.shows_minisocket_of(at, event);
        let (key, is_repetition) = if is_first(event) {
            self.begin_life(at, event, out)
        } else {
            (self.continue_life(at, event, out), false)
        };
        let Some(socket) = self.sockets.get(key) else { return };
        let circumstances = Circumstances { closing: self.closing, shows_minisockets };
        let change = Change::classify(at, event, socket, circumstances);
        self.closing = ClosingListener::of(event).or(self.closing);
        let Some(subject) = self.update_socket(at, key, event, &change) else { return };
        if (event.from, event.to, change.cause) == (TcpState::LastAck, TcpState::Close, None) {
            self.infer_fin_at_peer(at, key, out);
        }
        let record = self.record_of(at, event, &change, subject);
        if is_repetition {
            self.sockets.count_extra(-1);
        } else {
            self.sockets.emit(key, record, out);
        }
        match change.fate {
            Fate::Lives => {}
            Fate::Replaced(Some(pointer)) => self.sockets.replace_with_minisocket(key, Some(pointer)),
            Fate::Replaced(None) if self.config.periodic_dumps => {
                self.sockets.replace_with_minisocket(key, None);
                self.sockets.set_unwatched(key, true);
            }
            Fate::Replaced(None) | Fate::Ends => self.sockets.remove(key, out),
        }
    }

    /// Whether it is known if a minisocket takes over from the socket that this event closes. The minisocket's timer
    /// names the socket by its cookie; a socket that no event was about before may have got that in between, from a
    /// dump.
    fn shows_minisocket_of(&self, at: Moment, event: &StateChange) -> bool {
        let known = |cookie| self.sockets.get(self.sockets.with_cookie(cookie)?)?.pointer();
        matches!((event.from, event.to), (TcpState::FinWait2 | TcpState::Closing, TcpState::Close))
            && self.config.minisocket_timers
            && self.minisockets_known_from.is_some_and(|from| at.mono_ns >= from)
            && event.cookie.and_then(known).is_some()
    }

    /// Begins a life with `connect()`, `listen()`, or as a child of a listening socket. Also returns whether the
    /// child's request was emitted before, so that the event only repeats it.
    fn begin_life(&mut self, at: Moment, event: &StateChange, out: &mut Vec<Record>) -> (Key, bool) {
        // Before Linux 6.15 a child still has the listener's cookie and addresses here (inet_csk_clone_lock).
        let is_unfinished = is_unfinished(event);
        let cookie = event.cookie.filter(|_| !is_unfinished);
        let request = (event.to == TcpState::SynRecv)
            .then(|| self.sockets.take_request(cookie, event.netns, &event.tuple))
            .flatten();
        self.end_stale(at, cookie.and_then(|cookie| self.sockets.with_cookie(cookie)), out);
        self.end_stale(at, self.sockets.with_pointer(event.pointer), out);
        let id = self.sockets.allocate_id(cookie);
        let keys = SocketKeys { cookie, pointer: Some(event.pointer), tuple: event.tuple };
        let mut socket = Socket::new(id, event.from, event.netns, keys);
        socket.is_unfinished = is_unfinished;
        if event.from == TcpState::Listen {
            self.prepare_child(at, event, &mut socket, request.is_some());
        }
        let key = self.sockets.insert(socket);
        match request.as_ref().and_then(|request| request.connection) {
            Some(connection) => self.sockets.take_over_connection(key, connection),
            None if event.to == TcpState::Listen || is_unfinished => {}
            None => self.sockets.assign_connection(key),
        }
        let Some(Request { name, since, held, .. }) = request else { return (key, false) };
        if let Some(socket) = self.sockets.get_mut(key) {
            socket.state = event.to;
            socket.set_entered_ns(since);
            if let Some(name) = name {
                socket.set_name(name);
            }
            let subject = socket.subject();
            out.extend(held.into_iter().map(|record| self.sockets.with_subject(record, subject.clone())));
        }
        (key, true)
    }

    /// Gives a child what its listener has, and notes if there ought to have been a request.
    fn prepare_child(&mut self, at: Moment, event: &StateChange, child: &mut Socket, has_request: bool) {
        let would_know =
            self.config.minisocket_timers && self.requests_known_from.is_some_and(|from| at.mono_ns >= from);
        if would_know && !has_request {
            let birth = Birth { at_ns: at.mono_ns, tid: event.task.tid };
            child.update_transient(|transient| transient.without_request = Some(birth));
        }
        let inherited = self.sockets.inherited_by(event);
        child.owner = inherited.owner.map(|owner| self.owners.share(owner));
        child.cgroup = inherited.cgroup;
    }

    /// Continues a life that is known, or that is met in its middle.
    fn continue_life(&mut self, at: Moment, event: &StateChange, out: &mut Vec<Record>) -> Key {
        // The child's beginning may be lost, and that of its request not.
        let request = || self.sockets.request_at(event.netns, &event.tuple);
        let known =
            self.sockets.find(event).or_else(|| (event.from == TcpState::SynRecv).then(request).flatten());
        let at_pointer = self.sockets.with_pointer(event.pointer);
        if at_pointer != known {
            self.end_stale(at, at_pointer, out);
        }
        let key = known.unwrap_or_else(|| {
            // What the event says of it is taken over next.
            let keys = SocketKeys { cookie: None, pointer: None, tuple: Tuple::NOBODY };
            let socket = Socket::new(self.sockets.allocate_id(event.cookie), event.from, None, keys);
            self.sockets.insert(socket)
        });
        self.sockets.update_from(key, event, out);
        self.infer_step(at, key, event.from, Inference::Continuity, out);
        key
    }

    /// Takes the socket through a change, and returns what a record of the change is about.
    fn update_socket(
        &mut self,
        at: Moment,
        key: Key,
        event: &StateChange,
        change: &Change,
    ) -> Option<Subject> {
        let socket = self.sockets.get_mut(key)?;
        socket.forget_minisocket();
        if let Some(holder) = change.holder {
            self.owners.put(self.process_tree.mark(holder), &mut socket.owner);
        }
        let holder_pid = change.holder.map(|holder| holder.pid);
        if let Some(cgroup) = self.cgroups.of_socket(event.cgroup, holder_pid, socket.cgroup.as_deref()) {
            socket.cgroup = Some(cgroup);
        }
        socket.enter(change.to, at);
        if change.to == TcpState::SynSent {
            socket.update_transient(|transient| transient.connecting_tid = Some(event.task.tid));
        }
        let mut subject = socket.subject();
        // In this record alone: the next step may be another thread's.
        if let (Some(owner), Some(_)) = (&mut subject.owner, change.holder) {
            owner.thread = Some(Thread { tid: event.task.tid, comm: event.task.thread });
        }
        if change.to == TcpState::Listen {
            self.sockets.add_listener(key);
        }
        Some(subject)
    }

    /// Record of a change.
    fn record_of(&mut self, at: Moment, event: &StateChange, change: &Change, subject: Subject) -> Record {
        let since_first_ns = subject.connection.map(|id| self.sockets.since_first(id, at));
        let context = change.context;
        match change.kind {
            ChangeKind::Orphaned => {
                Record::Orphan(Orphan { at, subject, state: event.from, since_first_ns, context })
            }
            ChangeKind::AsReported | ChangeKind::TimeWait => Record::Transition(Transition {
                at,
                subject,
                from: event.from,
                to: change.to,
                in_from_ns: change.in_from_ns,
                since_first_ns,
                context,
                cause: change.cause,
                numbers: event.numbers.filter(|_| !is_first(event)),
            }),
        }
    }
}
