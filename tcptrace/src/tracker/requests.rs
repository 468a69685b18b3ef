//! Request sockets: the kernel's half-open connections, which have timers but no state changes of their own.

use super::{
    Tracker,
    socket::{Socket, SocketKeys},
};
use crate::{
    event::{SocketEvent, TimerStep},
    record::{Cause, Context, Record},
    tcp::TcpState,
    time::Moment,
};

impl Tracker {
    /// Applies a step of a request socket's timer: a SYN has come in, and what became of it.
    pub(super) fn apply_request_timer(
        &mut self,
        at: Moment,
        event: &SocketEvent,
        step: TimerStep,
        out: &mut Vec<Record>,
    ) {
        let known = self
            .sockets
            .with_pointer(event.pointer)
            .filter(|key| self.sockets.get(*key).is_some_and(|socket| socket.is_request))
            .or_else(|| self.sockets.adopt_existing_request(event));
        match (step, known) {
            (TimerStep::Started, None) => self.add_request(at, event, out),
            // Its child has taken over.
            (_, None) => {}
            // A SYN+ACK was sent again: the handshake hangs, so it is emitted before there is a child to name it by.
            (TimerStep::Started | TimerStep::Restarted, Some(key)) => {
                self.sockets.identify(key, event.cookie);
                self.sockets.release(key, out);
            }
            // Completed. Before Linux 6.15 its child gets its ends only after this.
            (TimerStep::Stopped, Some(_)) if self.sockets.awaits_child(event.netns, event.tuple.local) => {}
            (TimerStep::Stopped | TimerStep::Expired | TimerStep::Reused, Some(key)) => {
                let cause = (step == TimerStep::Expired).then_some(Cause::TimedOut);
                self.sockets.identify(key, event.cookie);
                self.sockets.release(key, out);
                self.take_step(at, key, TcpState::Close, Context::Softirq, cause, out);
                self.sockets.remove(key, out);
            }
        }
    }

    /// Adds a request socket, which stands for a new connection while the listener stays as it is (`tcp_conn_request`).
    fn add_request(&mut self, at: Moment, event: &SocketEvent, out: &mut Vec<Record>) {
        let stale = event.cookie.and_then(|cookie| self.sockets.with_cookie(cookie));
        self.end_stale(at, stale, out);
        self.end_stale(at, self.sockets.with_pointer(event.pointer), out);
        let keys = SocketKeys { cookie: event.cookie, pointer: Some(event.pointer), tuple: event.tuple };
        let id = self.sockets.allocate_id(event.cookie);
        let mut socket = Socket::new(id, TcpState::Listen, event.netns, keys);
        socket.is_request = true;
        // Without a cookie its name comes with its child.
        socket.is_unfinished = event.cookie.is_none();
        let inherited = self.sockets.inherited_at(event.netns, event.tuple.local);
        socket.owner = inherited.owner.map(|owner| self.owners.share(owner));
        socket.cgroup = inherited.cgroup;
        let key = self.sockets.insert(socket);
        match self.sockets.connection_of_client(event.netns, &event.tuple, event.tid) {
            Some(connection) => self.sockets.join_connection(key, connection),
            None => self.sockets.assign_connection(key),
        }
        self.take_step(at, key, TcpState::SynRecv, Context::Softirq, Some(Cause::SynReceived), out);
    }
}
