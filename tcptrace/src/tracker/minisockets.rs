//! Minisockets: what stands for a closed socket in `TIME_WAIT` or `FIN_WAIT2`, with a timer but no state changes of
//! its own.

use foldhash::HashMap;

use super::{Key, SocketInfo, Tracker, socket::Minisocket};
use crate::{
    event::{SocketEvent, TimerStep},
    record::{Cause, Context, Inference, Record},
    tcp::TcpState,
    time::Moment,
};

impl Tracker {
    /// Applies a step of a minisocket's timer: its beginning, the peer's FIN, its end.
    pub(super) fn apply_minisocket_timer(
        &mut self,
        at: Moment,
        event: &SocketEvent,
        step: TimerStep,
        out: &mut Vec<Record>,
    ) {
        if step == TimerStep::Started {
            self.prepare_minisocket(event);
            return;
        }
        // By its cookie one that existed before the trace.
        let by_cookie = || event.cookie.and_then(|cookie| self.sockets.with_cookie(cookie));
        let Some(key) = self.sockets.with_pointer(event.pointer).or_else(by_cookie) else { return };
        let Some(socket) = self.sockets.get_mut(key) else { return };
        let is_next = |next: Minisocket| next.pointer == event.pointer;
        if step == TimerStep::Restarted && socket.transient().minisocket.is_some_and(is_next) {
            // It can be found before the full socket is closed (tcp_time_wait), so a FIN may reach it already.
            socket.update_transient(|transient| transient.minisocket = Some(Minisocket::of(event)));
            return;
        }
        if socket.state == TcpState::FinWait2 && event.state == TcpState::TimeWait {
            // mod_timer says nothing if the new end falls into the same slot of the timer wheel, 2 s wide.
            let seen = step == TimerStep::Restarted;
            let context = if seen { Context::Softirq } else { Context::Inferred(Inference::Minisocket) };
            self.take_step(at, key, TcpState::TimeWait, context, Some(Cause::FinReceived), out);
            if !seen && let Some(socket) = self.sockets.get_mut(key) {
                socket.set_entered_ns(None);
            }
        }
        let cause = match step {
            TimerStep::Started | TimerStep::Restarted => return,
            TimerStep::Expired => Some(Cause::Elapsed),
            TimerStep::Reused => Some(Cause::Reused),
            TimerStep::Stopped => None,
        };
        self.take_step(at, key, TcpState::Close, Context::Softirq, cause, out);
        self.sockets.remove(key, out);
    }

    /// Keeps a minisocket that begins for the event that closes its full socket, which comes next (`tcp_time_wait`).
    fn prepare_minisocket(&mut self, event: &SocketEvent) {
        if let Some(socket) = event
            .cookie
            .and_then(|cookie| self.sockets.with_cookie(cookie))
            .and_then(|key| self.sockets.get_mut(key))
        {
            socket.update_transient(|transient| transient.minisocket = Some(Minisocket::of(event)));
        }
    }

    /// Applies a dump of the minisockets that was requested at `requested_at`: those that it no longer shows are gone.
    pub fn apply_minisocket_dump(
        &mut self,
        requested_at: Moment,
        at: Moment,
        dumped: &[SocketInfo],
        out: &mut Vec<Record>,
    ) {
        let by_cookie: HashMap<_, _> = dumped.iter().map(|shown| (shown.cookie, shown.state)).collect();
        let by_tuple: HashMap<_, _> = dumped.iter().map(|shown| (shown.tuple, shown.state)).collect();
        let mut keys: Vec<_> = self.sockets.unwatched().iter().copied().collect();
        keys.sort_unstable();
        for key in keys {
            let Some(socket) = self.sockets.get(key) else { continue };
            // One that took over since then may be missing from the dump.
            if socket.entered_ns().is_some_and(|since| since >= requested_at.mono_ns) {
                continue;
            }
            let state = match socket.cookie() {
                Some(cookie) => by_cookie.get(&Some(cookie)),
                None => by_tuple.get(socket.tuple()),
            };
            self.correct_minisocket(at, key, state.copied(), out);
        }
    }

    /// Takes an unwatched minisocket to the state in which a dump shows it; `None` if it is gone.
    fn correct_minisocket(&mut self, at: Moment, key: Key, dumped: Option<TcpState>, out: &mut Vec<Record>) {
        let context = Context::Inferred(Inference::Listed);
        match (self.sockets.get(key).map(|socket| socket.state), dumped) {
            (Some(TcpState::FinWait2), Some(TcpState::TimeWait)) => {
                self.take_step(at, key, TcpState::TimeWait, context, Some(Cause::FinReceived), out);
            }
            (_, Some(_)) => {}
            (_, None) => {
                self.take_step(at, key, TcpState::Close, context, None, out);
                self.sockets.remove(key, out);
            }
        }
    }
}
