//! The sockets without state changes of their own: request sockets before a connection, minisockets after it.

use foldhash::HashMap;

use super::{
    Found, Key, Tracker,
    socket::{Handles, Socket},
};
use crate::{
    event::{Note, TimerStep},
    record::{Cause, Context, Inference, Record, Transition},
    tcp::TcpState,
    time::Moment,
};

impl Tracker {
    /// A minisocket's timer: its beginning, the peer's FIN, its end.
    pub(super) fn minisocket(&mut self, at: Moment, note: &Note, step: TimerStep, out: &mut Vec<Record>) {
        if step == TimerStep::Started {
            // tcp_time_wait: the event that closes the full socket comes next.
            if let Some(socket) = note
                .cookie
                .and_then(|cookie| self.sockets.with_cookie(cookie))
                .and_then(|key| self.sockets.get_mut(key))
            {
                socket.change(|passing| passing.minisocket = Some((note.pointer, note.state)));
            }
            return;
        }
        let known = self.sockets.with_pointer(note.pointer).or_else(|| {
            // One that was found at the start.
            note.cookie.and_then(|cookie| self.sockets.with_cookie(cookie))
        });
        let Some(key) = known else { return };
        let Some(socket) = self.sockets.get_mut(key) else { return };
        if step == TimerStep::Restarted
            && socket.passing().minisocket.is_some_and(|(pointer, _)| pointer == note.pointer)
        {
            // It is found before the full socket is closed (tcp_time_wait), so a FIN may reach it already.
            socket.change(|passing| passing.minisocket = Some((note.pointer, note.state)));
            return;
        }
        if socket.state == TcpState::FinWait2 && note.state == TcpState::TimeWait {
            // mod_timer says nothing if the new end falls into the same slot of the timer wheel, 2 s wide.
            let seen = step == TimerStep::Restarted;
            let context = if seen { Context::Softirq } else { Context::Inferred(Inference::StandIn) };
            self.step(at, key, TcpState::TimeWait, Some(context), Some(Cause::FinReceived), out);
            if !seen && let Some(socket) = self.sockets.get_mut(key) {
                socket.set_since(None);
            }
        }
        let cause = match (step, note.state) {
            (TimerStep::Started | TimerStep::Restarted, _) => return,
            (TimerStep::Expired, _) => Some(Cause::Elapsed),
            (TimerStep::Reused, _) => Some(Cause::Reused),
            (TimerStep::Stopped, _) => None,
        };
        self.step(at, key, TcpState::Close, Some(Context::Softirq), cause, out);
        self.sockets.end(key, out);
    }

    /// A request socket's timer: a SYN has come in, and what became of it.
    pub(super) fn request(&mut self, at: Moment, note: &Note, step: TimerStep, out: &mut Vec<Record>) {
        let known = self
            .sockets
            .with_pointer(note.pointer)
            .filter(|key| self.sockets.get(*key).is_some_and(|socket| socket.request))
            .or_else(|| self.sockets.found_request(note));
        match (step, known) {
            (TimerStep::Started, None) => self.half_open(at, note, out),
            // Its child has taken over.
            (_, None) => {}
            // A SYN+ACK was sent again: the handshake hangs, so it is told of before there is a child to name it by.
            (TimerStep::Started | TimerStep::Restarted, Some(key)) => {
                self.sockets.identify(key, note.cookie);
                self.sockets.release(key, out);
            }
            // Completed. Before Linux 6.15 its child gets its ends only after this.
            (TimerStep::Stopped, Some(_)) if self.sockets.awaits_child(note.netns, note.tuple.local) => {}
            (TimerStep::Stopped | TimerStep::Expired | TimerStep::Reused, Some(key)) => {
                let cause = (step == TimerStep::Expired).then_some(Cause::TimedOut);
                self.sockets.identify(key, note.cookie);
                self.sockets.release(key, out);
                self.step(at, key, TcpState::Close, Some(Context::Softirq), cause, out);
                self.sockets.end(key, out);
            }
        }
    }

    /// `tcp_conn_request`: the listener stays as it is, and a request socket stands for the new connection.
    fn half_open(&mut self, at: Moment, note: &Note, out: &mut Vec<Record>) {
        let stale = note.cookie.and_then(|cookie| self.sockets.with_cookie(cookie));
        self.end_stale(at, stale, out);
        self.end_stale(at, self.sockets.with_pointer(note.pointer), out);
        let handles = Handles { cookie: note.cookie, pointer: Some(note.pointer), tuple: note.tuple };
        let mut socket = Socket::new(self.sockets.name(note.cookie), TcpState::Listen, note.netns, handles);
        socket.request = true;
        // Without a cookie its name comes with its child.
        socket.unfinished = note.cookie.is_none();
        let listener = self.sockets.heritage(note.netns, note.tuple.local);
        socket.owner = listener.owner.map(|owner| self.owners.share(owner));
        socket.cgroup = listener.cgroup;
        let key = self.sockets.insert(socket);
        match self.sockets.connecting(note.netns, &note.tuple, note.tid) {
            Some(connection) => self.sockets.connect_to(key, connection),
            None => self.sockets.connect(key),
        }
        self.step(at, key, TcpState::SynRecv, Some(Context::Softirq), Some(Cause::SynReceived), out);
    }

    /// The peer on this host, in `LAST_ACK`, was told that its FIN has arrived: so it has.
    pub(super) fn peer_closed(&mut self, at: Moment, closed: Key, out: &mut Vec<Record>) {
        let Some(key) = self.sockets.other_end(closed) else { return };
        let waits =
            self.sockets.get(key).is_some_and(|socket| socket.stand_in && socket.state == TcpState::FinWait2);
        if waits {
            let context = Some(Context::Inferred(Inference::PeerClosed));
            self.step(at, key, TcpState::TimeWait, context, Some(Cause::FinReceived), out);
        }
    }

    /// Whether there are stand-ins of which only a list can tell when they end.
    #[must_use]
    pub fn has_unwatched(&self) -> bool {
        !self.sockets.unwatched().is_empty()
    }

    /// Takes in a list of stand-ins that was asked for at `asked`: state by cookie, and by ends for those without one.
    pub fn listed(&mut self, asked: Moment, at: Moment, listed: &[Found], out: &mut Vec<Record>) {
        let by_cookie: HashMap<_, _> = listed.iter().map(|found| (found.cookie, found.state)).collect();
        let by_ends: HashMap<_, _> = listed.iter().map(|found| (found.tuple, found.state)).collect();
        let mut keys: Vec<_> = self.sockets.unwatched().iter().copied().collect();
        keys.sort_unstable();
        for key in keys {
            let Some(socket) = self.sockets.get(key) else { continue };
            // One that took over since then may be missing from the list.
            if socket.since().is_some_and(|since| since >= asked.mono_ns) {
                continue;
            }
            let state = match socket.cookie() {
                Some(cookie) => by_cookie.get(&Some(cookie)),
                None => by_ends.get(socket.tuple()),
            };
            let context = Some(Context::Inferred(Inference::Listed));
            match (socket.state, state) {
                (TcpState::FinWait2, Some(TcpState::TimeWait)) => {
                    self.step(at, key, TcpState::TimeWait, context, Some(Cause::FinReceived), out);
                }
                (_, Some(_)) => {}
                (_, None) => {
                    self.step(at, key, TcpState::Close, context, None, out);
                    self.sockets.end(key, out);
                }
            }
        }
    }

    /// Tells of a step that no event reports.
    fn step(
        &mut self,
        at: Moment,
        key: Key,
        to: TcpState,
        context: Option<Context>,
        cause: Option<Cause>,
        out: &mut Vec<Record>,
    ) {
        let Some(socket) = self.sockets.get_mut(key) else { return };
        let from = socket.state;
        let in_from_ns = socket.lasted(at);
        socket.enter(to, at);
        let subject = socket.subject();
        let since_first_ns = subject.connection.map(|id| self.sockets.since_first(id, at));
        let record = Record::Transition(Transition {
            at,
            subject,
            from,
            to,
            in_from_ns,
            since_first_ns,
            context,
            cause,
            numbers: None,
        });
        self.sockets.count_extra(i64::from(record.is_event()));
        self.sockets.tell(key, record, out);
    }
}
