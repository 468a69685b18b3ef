//! The search for the socket that an event in the middle of a life is about.

use super::{Sockets, may_share};
use crate::{
    address::{Endpoint, Netns, Tuple},
    event::StateChange,
    tcp::TcpState,
    tracker::socket::{Key, Socket},
};

impl Sockets {
    /// Key of the socket that an event in the middle of a life is about.
    pub(in crate::tracker) fn find(&self, event: &StateChange) -> Option<Key> {
        let at_pointer = self
            .with_pointer(event.pointer)
            .filter(|key| self.get(*key).is_some_and(|socket| fits(socket, event)));
        // Before its cookie: that one may be known from the request that a child comes from.
        if let Some(key) = at_pointer.filter(|key| self.get(*key).is_some_and(|socket| socket.is_unfinished))
        {
            return Some(key);
        }
        if let Some(key) = event.cookie.and_then(|cookie| self.with_cookie(cookie)) {
            return Some(key);
        }
        if let Some(key) = at_pointer
            && let Some(socket) = self.get(key)
            && (socket.cookie().is_none() || event.cookie.is_none())
        {
            return Some(key);
        }
        // One that existed before the trace, on a kernel that shows no cookie in the event.
        let mut existing = self.existing_with(event.cookie, event.netns, event.tuple);
        let only = existing.next()?;
        existing.next().is_none().then_some(only)
    }

    /// Sockets from before the trace that no event was about yet and that have these ends; in no order.
    pub(super) fn existing_with(
        &self,
        cookie: Option<u64>,
        netns: Option<Netns>,
        tuple: Tuple,
    ) -> impl Iterator<Item = Key> {
        let could_be = self.table.with_tuple(tuple).filter(move |(_, socket)| {
            socket.pointer().is_none()
                && (socket.cookie().is_none() || cookie.is_none())
                && may_share(socket.netns(), netns)
        });
        could_be.map(|(key, _)| key)
    }
}

/// Whether an event can be about a socket, going by its ends alone: one that both know is the same. A child has any
/// address of its listener until it is finished; a listener has no other end as long as it listens.
fn fits(socket: &Socket, event: &StateChange) -> bool {
    let any = socket.is_unfinished && socket.tuple().local.address.is_unspecified();
    let end = |known: &Endpoint, reported: &Endpoint, any: bool| {
        !known.is_set()
            || !reported.is_set()
            || (known.port == reported.port && (any || known.address == reported.address))
    };
    end(&socket.tuple().local, &event.tuple.local, any)
        && end(&socket.tuple().remote, &event.tuple.remote, false)
        && !(socket.state == TcpState::Listen && event.tuple.remote.is_set())
        && !(event.from == TcpState::Listen && socket.tuple().remote.is_set())
}
