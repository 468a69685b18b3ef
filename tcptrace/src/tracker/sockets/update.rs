//! The update of a known socket from an event: its place in memory, its cookie, its ends.

use super::Sockets;
use crate::{
    address::{Endpoint, Tuple},
    event::StateChange,
    record::{Record, SocketId},
    tcp::TcpState,
    tracker::socket::Key,
};

impl Sockets {
    /// Takes over what an event shows of a socket, and emits what was held back until then.
    pub(in crate::tracker) fn update_from(&mut self, key: Key, event: &StateChange, out: &mut Vec<Record>) {
        let is_unfinished = self.table.get_mut(key).is_some_and(|socket| {
            // Only a full socket changes its state: its child, whose own beginning was lost.
            socket.is_request = false;
            socket.is_unfinished
        });
        let name = if is_unfinished { self.take_over_request(key, event) } else { None };
        let Some(socket) = self.table.get_mut(key) else { return };
        if socket.transient().connecting_tid.is_some() {
            socket.update_transient(|transient| transient.connecting_tid = None);
        }
        socket.set_netns_if_unknown(event.netns);
        let (pointer, known, before) = (socket.pointer(), socket.cookie(), *socket.tuple());
        if pointer != Some(event.pointer) {
            self.table.set_pointer(key, Some(event.pointer));
        }
        if let (None, Some(cookie)) = (known, event.cookie) {
            self.table.set_cookie(key, cookie);
            if let Some(socket) = self.table.get_mut(key).filter(|socket| socket.is_unfinished) {
                socket.set_name(name.unwrap_or(SocketId::Cookie(cookie)));
            }
        }
        // A port that is 0 in an event is one that is not known there; what was known stays.
        let end = |reported: Endpoint, known: Endpoint| if reported.is_set() { reported } else { known };
        let after = Tuple {
            local: end(event.tuple.local, before.local),
            remote: end(event.tuple.remote, before.remote),
        };
        if after != before {
            self.forget_listener(before.local.port, key);
            self.table.set_tuple(key, after);
        }
        let listens = event.from == TcpState::Listen;
        if !listens && (after != before || self.get(key).is_some_and(|socket| socket.connection().is_none()))
        {
            self.assign_connection(key);
        }
        self.release(key, out);
    }
}
