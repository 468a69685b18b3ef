//! Events that are no state changes: timers of minisockets and requests, RSTs, segments sent again, and who accepts.

use super::{Key, Tracker};
use crate::{
    event::{Accept, SocketEvent, SocketEventKind},
    record::{Record, Reset, Retransmit},
    tcp::TcpState,
    time::Moment,
};

impl Tracker {
    /// Applies a socket event, and emits what it means. `reason` names the kernel's reasons for a RST.
    pub fn apply_socket_event(
        &mut self,
        at: Moment,
        event: &SocketEvent,
        reason: impl Fn(u32) -> Option<String>,
        out: &mut Vec<Record>,
    ) {
        match event.kind {
            SocketEventKind::Timewait(step) => self.apply_minisocket_timer(at, event, step, out),
            SocketEventKind::Request(step) => self.apply_request_timer(at, event, step, out),
            SocketEventKind::ResetSent { reason: number } => {
                self.apply_reset(at, event, number.and_then(reason), out);
            }
            SocketEventKind::Retransmit | SocketEventKind::RetransmitSynAck => {
                self.apply_retransmit(at, event, out);
            }
        }
    }

    fn apply_reset(
        &mut self,
        at: Moment,
        event: &SocketEvent,
        reason: Option<String>,
        out: &mut Vec<Record>,
    ) {
        let Some(key) = self.key_of(event) else { return };
        let Some(socket) = self.sockets.get_mut(key) else { return };
        // tcp_keepalive_timer, tcp_check_oom: the event that closes it comes next.
        let given_up = event.state == TcpState::FinWait2 && !socket.is_minisocket;
        socket.update_transient(|transient| transient.given_up = given_up);
        let subject = socket.subject();
        let since_first_ns = subject.connection.map(|id| self.sockets.since_first(id, at));
        out.push(Record::Reset(Reset { at, subject, state: event.state, reason, since_first_ns }));
    }

    fn apply_retransmit(&mut self, at: Moment, event: &SocketEvent, out: &mut Vec<Record>) {
        let Some(key) = self.key_of(event) else { return };
        self.sockets.identify(key, event.cookie);
        self.sockets.release(key, out);
        let Some(socket) = self.sockets.get_mut(key) else { return };
        let count = socket.update_transient(|transient| {
            transient.retransmits += 1;
            transient.retransmits
        });
        let (state, subject) = (socket.state, socket.subject());
        let since_first_ns = subject.connection.map(|id| self.sockets.since_first(id, at));
        out.push(Record::Retransmit(Retransmit { at, subject, state, count, since_first_ns }));
    }

    /// Makes the process that has accepted a connection its owner, until another one is seen to act. The records that
    /// follow say so.
    pub fn apply_accept(&mut self, accept: &Accept) {
        let by_cookie = accept.cookie.and_then(|cookie| self.sockets.with_cookie(cookie));
        let Some(key) = by_cookie.or_else(|| self.sockets.with_pointer(accept.pointer)) else { return };
        // Found by its place in memory alone it may be another one, whose end was lost.
        let is_same = |cookie| accept.cookie.is_none_or(|accepted| accepted == cookie);
        if let Some(socket) = self.sockets.get_mut(key).filter(|socket| socket.cookie().is_none_or(is_same)) {
            self.owners.put(self.process_tree.mark(accept.owner), &mut socket.owner);
        }
    }

    /// Key of the socket that an event is about.
    fn key_of(&self, event: &SocketEvent) -> Option<Key> {
        event
            .cookie
            .and_then(|cookie| self.sockets.with_cookie(cookie))
            .or_else(|| self.sockets.with_pointer(event.pointer))
    }
}
