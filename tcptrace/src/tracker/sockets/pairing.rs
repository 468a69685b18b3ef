//! Which two sockets are the ends of one connection.

use super::{Key, Sockets, same};
use crate::{address::Tuple, record::ConnectionId, tcp::TcpState, time::Moment, tracker::socket::Socket};

/// What the two ends of a connection share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    first: Option<Moment>,
    /// Ends that are in the table now.
    open: u8,
    /// Ends that ever were.
    joined: u8,
}

impl Sockets {
    /// Gives a socket its connection: that of its peer on this host if there is one, else one of its own.
    pub(in crate::tracker) fn connect(&mut self, key: Key) {
        let Some(socket) = self.get(key) else { return };
        let own = socket.connection;
        let peer = self.peer_of(key, socket).and_then(|peer| Some((peer, self.get(peer)?.connection?)));
        match (own, peer) {
            (None, Some((_, id))) => self.join(key, id),
            (None, None) => {
                self.last_connection += 1;
                self.join(key, ConnectionId(self.last_connection));
            }
            // Both were told before they could know of each other (fast open): the older number stays.
            (Some(own), Some((peer, id))) if own != id && self.has_room(own) => {
                let (mover, id) = if own < id { (peer, own) } else { (key, id) };
                self.leave(mover);
                self.join(mover, id);
            }
            (Some(_), _) => {}
        }
    }

    /// Puts a socket into the place that another one had in a connection.
    pub(in crate::tracker) fn connect_as(&mut self, key: Key, place: ConnectionId) {
        if let Some(socket) = self.table.get_mut(&key) {
            socket.connection = Some(place);
        }
    }

    /// The other end of a connection within this host: the reversed tuple in the same namespace, or, unless the
    /// addresses mean something else in every namespace, in any.
    fn peer_of(&self, key: Key, socket: &Socket) -> Option<Key> {
        if !socket.tuple.is_complete() || socket.tuple.local == socket.tuple.remote {
            return None;
        }
        // Packets to an address of one's own never leave the namespace.
        let Tuple { local, remote } = socket.tuple;
        let anywhere = !local.address.is_loopback() && local.address != remote.address;
        let opens = matches!(
            socket.state,
            TcpState::Close | TcpState::Listen | TcpState::SynSent | TcpState::SynRecv
        );
        let candidates = self.by_tuple.get(&socket.tuple.reversed())?;
        let fits = |candidate: &&Key, local_only: bool| {
            **candidate != key
                && self.get(**candidate).is_some_and(|other| {
                    let free = other.connection == socket.connection
                        || other.connection.is_some_and(|id| self.has_room(id));
                    let stale = opens && is_past(other);
                    free && !stale && (!local_only || same(other.netns, socket.netns))
                })
        };
        candidates
            .iter()
            .rev()
            .find(|candidate| fits(candidate, true))
            .or_else(|| candidates.iter().rev().find(|candidate| anywhere && fits(candidate, false)))
            .copied()
    }

    /// Whether a connection still lacks an end.
    fn has_room(&self, id: ConnectionId) -> bool {
        self.connections.get(&id).is_some_and(|shared| shared.joined < 2)
    }

    fn join(&mut self, key: Key, id: ConnectionId) {
        if let Some(socket) = self.table.get_mut(&key) {
            socket.connection = Some(id);
            let shared = self.connections.entry(id).or_default();
            shared.open += 1;
            shared.joined += 1;
        }
    }

    pub(super) fn leave(&mut self, key: Key) {
        let Some(id) = self.table.get_mut(&key).and_then(|socket| socket.connection.take()) else { return };
        if let Some(shared) = self.connections.get_mut(&id) {
            shared.open -= 1;
            if shared.open == 0 {
                self.connections.remove(&id);
            }
        }
    }

    /// Since the connection's first event; this is the first if there was none.
    pub(in crate::tracker) fn since_first(&mut self, id: ConnectionId, at: Moment) -> u64 {
        let first = self.connections.get_mut(&id).map(|shared| *shared.first.get_or_insert(at));
        first.map_or(0, |first| at.since(first))
    }
}

/// Whether a socket is beyond what the peer of an opening one can be at. Such a one was found at the start and may be
/// gone by now, as no event tells the end of a stand-in.
fn is_past(socket: &Socket) -> bool {
    let can_be = matches!(
        socket.state,
        TcpState::SynSent | TcpState::SynRecv | TcpState::Established | TcpState::FinWait1
    );
    socket.pointer.is_none() && !can_be
}
