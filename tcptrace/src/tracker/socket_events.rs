//! Takes in what is no state change: timers of stand-ins, RSTs, segments sent again.

use super::{Key, Tracker};
use crate::{
    event::{Accept, SocketEvent, SocketEventKind},
    record::{Record, Reset, Retransmit},
    tcp::TcpState,
    time::Moment,
};

impl Tracker {
    /// Takes in a note, and tells what it means. `reason` names the reasons for a RST.
    pub fn note(
        &mut self,
        at: Moment,
        note: &SocketEvent,
        reason: impl Fn(u32) -> Option<String>,
        out: &mut Vec<Record>,
    ) {
        match note.kind {
            SocketEventKind::Timewait(step) => self.minisocket(at, note, step, out),
            SocketEventKind::Request(step) => self.request(at, note, step, out),
            SocketEventKind::ResetSent { reason: number } => {
                let Some(key) = self.noted(note) else { return };
                let Some(socket) = self.sockets.get_mut(key) else { return };
                // tcp_keepalive_timer, tcp_check_oom: the event that closes it comes next.
                let given_up = note.state == TcpState::FinWait2 && !socket.is_minisocket;
                socket.update_transient(|transient| transient.given_up = given_up);
                let subject = socket.subject();
                let since_first_ns = subject.connection.map(|id| self.sockets.since_first(id, at));
                let reason = number.and_then(&reason);
                out.push(Record::Reset(Reset { at, subject, state: note.state, reason, since_first_ns }));
            }
            SocketEventKind::Retransmit | SocketEventKind::RetransmitSynAck => {
                let Some(key) = self.noted(note) else { return };
                self.sockets.identify(key, note.cookie);
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
        }
    }

    /// Takes in who has accepted a connection: the owner until somebody else is seen to act. The records that follow say so.
    pub fn accepted(&mut self, accept: &Accept) {
        let by_cookie = accept.cookie.and_then(|cookie| self.sockets.with_cookie(cookie));
        let Some(key) = by_cookie.or_else(|| self.sockets.with_pointer(accept.pointer)) else { return };
        // Found by its place in memory alone it may be another one, whose end was lost.
        let is_it = |cookie| accept.cookie.is_none_or(|accepted| accepted == cookie);
        if let Some(socket) = self.sockets.get_mut(key).filter(|socket| socket.cookie().is_none_or(is_it)) {
            self.owners.put(self.process_tree.mark(accept.owner), &mut socket.owner);
        }
    }

    /// The socket that a note is about.
    fn noted(&self, note: &SocketEvent) -> Option<Key> {
        note.cookie
            .and_then(|cookie| self.sockets.with_cookie(cookie))
            .or_else(|| self.sockets.with_pointer(note.pointer))
    }
}
