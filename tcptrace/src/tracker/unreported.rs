//! Steps that no event reports: seen in something else, or inferred.

use super::{Key, Tracker};
use crate::{
    record::{Cause, Context, Inference, Record, Transition},
    tcp::TcpState,
    time::Moment,
};

impl Tracker {
    /// Takes a socket through a step that something other than a state change shows, and emits it.
    pub(super) fn take_step(
        &mut self,
        at: Moment,
        key: Key,
        to: TcpState,
        context: Context,
        cause: Option<Cause>,
        out: &mut Vec<Record>,
    ) {
        let Some(socket) = self.sockets.get_mut(key) else { return };
        let (from, in_from_ns) = (socket.state, socket.time_in_state(at));
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
            context: Some(context),
            cause,
            numbers: None,
        });
        self.sockets.count_extra(i64::from(record.is_event()));
        self.sockets.emit(key, record, out);
    }

    /// Infers and emits a step that must have happened unseen, if the socket is not where it ought to be. Nobody knows
    /// when it was.
    pub(super) fn infer_step(
        &mut self,
        at: Moment,
        key: Key,
        now: TcpState,
        evidence: Inference,
        out: &mut Vec<Record>,
    ) {
        let Some(socket) = self.sockets.get_mut(key) else { return };
        let from = socket.state;
        if from == now {
            return;
        }
        socket.state = now;
        socket.set_entered_ns(None);
        let subject = socket.subject();
        let since_first_ns = subject.connection.map(|id| self.sockets.since_first(id, at));
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
        self.sockets.emit(key, record, out);
    }

    /// Ends a life whose end was missed: its cookie or its place in memory belongs to another socket now.
    pub(super) fn end_stale(&mut self, at: Moment, stale: Option<Key>, out: &mut Vec<Record>) {
        if let Some(stale) = stale {
            self.infer_step(at, stale, TcpState::Close, Inference::Continuity, out);
            self.sockets.remove(stale, out);
        }
    }

    /// Infers that the peer on this host of a socket closed in `LAST_ACK` has received the FIN: the socket was told so.
    pub(super) fn infer_fin_at_peer(&mut self, at: Moment, closed: Key, out: &mut Vec<Record>) {
        let Some(key) = self.sockets.other_end(closed) else { return };
        let waits = self
            .sockets
            .get(key)
            .is_some_and(|socket| socket.is_minisocket && socket.state == TcpState::FinWait2);
        if waits {
            let context = Context::Inferred(Inference::PeerClosed);
            self.take_step(at, key, TcpState::TimeWait, context, Some(Cause::FinReceived), out);
        }
    }
}
