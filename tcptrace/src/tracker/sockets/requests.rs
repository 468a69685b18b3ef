//! From a request socket to its child: one life, which goes on in another place in memory.

use super::{Sockets, may_share};
use crate::{
    address::{Endpoint, Netns, Tuple},
    event::{SocketEvent, StateChange},
    record::{ConnectionId, Record, SocketId},
    tcp::TcpState,
    tracker::socket::{Key, Socket},
};

/// Legacy of a request socket to its child.
#[derive(Debug)]
pub(in crate::tracker) struct Request {
    /// Connection in which the child takes its place.
    pub(in crate::tracker) connection: Option<ConnectionId>,
    /// Name that it was emitted under already: one life has one name.
    pub(in crate::tracker) name: Option<SocketId>,
    /// Beginning, nanoseconds, if that was seen.
    pub(in crate::tracker) since: Option<u64>,
    /// Records of the beginning that are still held back.
    pub(in crate::tracker) held: Vec<Record>,
}

impl Sockets {
    /// Takes out the request socket with these ends: its child is emitted from now on.
    pub(in crate::tracker) fn take_request(
        &mut self,
        cookie: Option<u64>,
        netns: Option<Netns>,
        tuple: &Tuple,
    ) -> Option<Request> {
        let is_request = |socket: &Socket| socket.is_request || is_existing_request(socket);
        let key = cookie
            .and_then(|cookie| self.with_cookie(cookie))
            .filter(|key| self.get(*key).is_some_and(is_request))
            .or_else(|| self.request_at(netns, tuple))
            .or_else(|| self.existing_with(cookie, netns, *tuple).min())
            .filter(|key| self.get(*key).is_some_and(is_request))?;
        let socket = self.table.get_mut(key)?;
        let connection = socket.connection();
        socket.set_connection(None);
        let name = (!socket.is_unfinished).then_some(socket.id());
        let (since, held) = (socket.entered_ns(), socket.take_held());
        self.remove(key, &mut Vec::new());
        Some(Request { connection, name, since, held })
    }

    /// Finds the request from before the trace that an event is the first to speak of, and makes it findable by its place in
    /// memory. Whoever dumped it gave it its cookie; the event may be older.
    pub(in crate::tracker) fn adopt_existing_request(&mut self, event: &SocketEvent) -> Option<Key> {
        let is_it = |key: &Key| self.get(*key).is_some_and(is_existing_request);
        let key = event
            .cookie
            .and_then(|cookie| self.with_cookie(cookie))
            .or_else(|| self.existing_with(event.cookie, event.netns, event.tuple).min())
            .filter(is_it)?;
        self.table.set_pointer(key, Some(event.pointer));
        self.get_mut(key)?.is_request = true;
        Some(key)
    }

    /// Lets an unfinished child take over from its request, once an event shows which one that was, and returns the
    /// name that the request was emitted under.
    pub(super) fn take_over_request(&mut self, key: Key, event: &StateChange) -> Option<SocketId> {
        let Request { connection, name, since, held } =
            self.take_request(event.cookie, event.netns, &event.tuple)?;
        if let Some(connection) = connection {
            self.take_over_connection(key, connection);
        }
        let child = self.table.get_mut(key)?;
        child.update_transient(|transient| transient.without_request = None);
        child.set_entered_ns(since);
        let before = child.update_transient(|transient| std::mem::replace(&mut transient.held, held));
        self.extra -= i64::try_from(before.len()).unwrap_or(0);
        name
    }

    /// Finds the request with these ends.
    pub(in crate::tracker) fn request_at(&self, netns: Option<Netns>, tuple: &Tuple) -> Option<Key> {
        let there = self.table.with_tuple(*tuple);
        let requests = there.filter(|(_, socket)| socket.is_request && may_share(socket.netns(), netns));
        requests.map(|(key, _)| key).max()
    }

    /// Names a request socket that had no cookie at first, if it has got one since.
    pub(in crate::tracker) fn identify(&mut self, key: Key, cookie: Option<u64>) {
        if let (Some(cookie), Some(socket)) = (cookie, self.get(key))
            && socket.is_unfinished
            && socket.cookie().is_none()
        {
            self.table.set_cookie_unless_taken(key, cookie);
            self.table.get_mut(key).into_iter().for_each(|socket| socket.set_name(SocketId::Cookie(cookie)));
        }
    }

    /// Whether a child of the listener at this end is about to be finished: then a request there is completed.
    pub(in crate::tracker) fn awaits_child(&self, netns: Option<Netns>, local: Endpoint) -> bool {
        let mut children = self.unfinished.iter().filter_map(|key| self.get(*key));
        children.any(|child| child.tuple().local.port == local.port && may_share(child.netns(), netns))
    }
}

/// Whether a socket is a request from before the trace, of which no event has spoken yet.
fn is_existing_request(socket: &Socket) -> bool {
    socket.state == TcpState::SynRecv && socket.pointer().is_none() && !socket.is_unfinished
}
