//! The pairing of two sockets as the ends of one connection.

use super::{Sockets, may_share};
use crate::{
    address::{Endpoint, Netns, Tuple},
    record::ConnectionId,
    tcp::TcpState,
    time::Moment,
    tracker::socket::{Key, PackedU64, Socket},
};

/// State that the two ends of a connection share.
#[derive(Debug)]
pub(super) struct Shared {
    /// Time of its first event, nanoseconds of the monotonic clock.
    first_ns: PackedU64,
    /// Number of ends that are in the table now.
    open: u8,
    /// Number of ends that it ever had.
    joined: u8,
}

impl Default for Shared {
    fn default() -> Self {
        Self { first_ns: PackedU64::NONE, open: 0, joined: 0 }
    }
}

impl Sockets {
    /// Gives a socket its connection: that of its peer on this host if there is one, else one of its own.
    pub(in crate::tracker) fn assign_connection(&mut self, key: Key) {
        let Some(socket) = self.get(key) else { return };
        let own = socket.connection();
        let peer = self.peer_of(key, socket).and_then(|peer| Some((peer, self.get(peer)?.connection()?)));
        match (own, peer) {
            (None, Some((_, id))) => self.join_connection(key, id),
            (None, None) => {
                self.last_connection += 1;
                self.join_connection(key, ConnectionId(self.last_connection));
            }
            // Both were emitted before they could know of each other (fast open): the older number stays.
            (Some(own), Some((peer, id))) if own != id && self.lacks_end(own) => {
                let (mover, id) = if own < id { (peer, own) } else { (key, id) };
                self.leave_connection(mover);
                self.join_connection(mover, id);
            }
            (Some(_), _) => {}
        }
    }

    /// Puts a socket into the place that another one had in a connection.
    pub(in crate::tracker) fn take_over_connection(&mut self, key: Key, id: ConnectionId) {
        if let Some(socket) = self.get_mut(key) {
            socket.set_connection(Some(id));
        }
    }

    /// Connection of the client on this host whose SYN made a request. The client's local port is not known yet; but
    /// either its SYN came in on the thread that called `connect()`, which is the loopback way, or nobody else is
    /// calling there.
    pub(in crate::tracker) fn connection_of_client(
        &self,
        netns: Option<Netns>,
        request: &Tuple,
        tid: u32,
    ) -> Option<ConnectionId> {
        let unbound = Tuple { local: Endpoint { port: 0, ..request.remote }, remote: request.local };
        let anywhere = crosses_namespaces(request);
        let calls = |client: &Socket| {
            let here = anywhere || may_share(client.netns(), netns);
            let free = client.connection().is_some_and(|id| self.lacks_end(id));
            here && free && client.state == TcpState::SynSent && client.transient().connecting_tid.is_some()
        };
        let clients = || self.table.with_tuple(unbound).filter(|(_, client)| calls(client));
        let on_thread = clients().filter(|(_, client)| client.transient().connecting_tid == Some(tid));
        let (_, client) = on_thread.max_by_key(|(key, _)| *key).or_else(|| {
            let mut clients = clients();
            clients.next().filter(|_| clients.next().is_none())
        })?;
        client.connection()
    }

    /// Other end of a connection within this host: the socket with the reversed tuple in the same namespace, or,
    /// unless the addresses mean something else in every namespace, in any.
    fn peer_of(&self, key: Key, socket: &Socket) -> Option<Key> {
        let tuple = socket.tuple();
        if !tuple.is_complete() || tuple.local == tuple.remote {
            return None;
        }
        let anywhere = crosses_namespaces(tuple);
        let opens = matches!(
            socket.state,
            TcpState::Close | TcpState::Listen | TcpState::SynSent | TcpState::SynRecv
        );
        let fitting = self.table.with_tuple(tuple.reversed()).filter(|(candidate, other)| {
            let free = other.connection() == socket.connection()
                || other.connection().is_some_and(|id| self.lacks_end(id));
            let stale = opens && is_past(other);
            *candidate != key && free && !stale
        });
        // One here goes before one elsewhere, and the youngest before older ones.
        let ranked = fitting.map(|(candidate, other)| (may_share(other.netns(), socket.netns()), candidate));
        ranked.filter(|(here, _)| *here || anywhere).max().map(|(_, candidate)| candidate)
    }

    /// Whether a connection still lacks an end.
    fn lacks_end(&self, id: ConnectionId) -> bool {
        self.connections.get(&id).is_some_and(|shared| shared.joined < 2)
    }

    /// Gives a socket this connection as one more end.
    pub(in crate::tracker) fn join_connection(&mut self, key: Key, id: ConnectionId) {
        if let Some(socket) = self.get_mut(key) {
            socket.set_connection(Some(id));
            let shared = self.connections.entry(id).or_default();
            shared.open += 1;
            shared.joined += 1;
        }
    }

    /// Takes a socket out of its connection, which is forgotten with its last end.
    pub(super) fn leave_connection(&mut self, key: Key) {
        let Some(socket) = self.get_mut(key) else { return };
        let Some(id) = socket.connection() else { return };
        socket.set_connection(None);
        if let Some(shared) = self.connections.get_mut(&id) {
            shared.open -= 1;
            if shared.open == 0 {
                self.connections.remove(&id);
            }
        }
    }

    /// Key of the other end of a socket's connection, if that is on this host.
    pub(in crate::tracker) fn other_end(&self, key: Key) -> Option<Key> {
        let socket = self.get(key)?;
        let others = self.table.with_tuple(socket.tuple().reversed());
        let ends = others.filter(|(other, end)| *other != key && end.connection() == socket.connection());
        ends.map(|(other, _)| other).min()
    }

    /// Time since the connection's first event, nanoseconds; this is the first if there was none.
    pub(in crate::tracker) fn since_first(&mut self, id: ConnectionId, at: Moment) -> u64 {
        let Some(Shared { first_ns, .. }) = self.connections.get_mut(&id) else { return 0 };
        let began = first_ns.get().unwrap_or(at.mono_ns);
        *first_ns = PackedU64::from(Some(began));
        at.mono_ns.saturating_sub(began)
    }
}

/// Whether the other end may be in another namespace: packets to an address of one's own never leave theirs.
fn crosses_namespaces(Tuple { local, remote }: &Tuple) -> bool {
    !local.address.is_loopback() && local.address != remote.address
}

/// Whether a socket is beyond what the peer of an opening one can be at: one that existed before the trace and is
/// perhaps gone by now, or a minisocket.
fn is_past(socket: &Socket) -> bool {
    let can_be = matches!(
        socket.state,
        TcpState::SynSent | TcpState::SynRecv | TcpState::Established | TcpState::FinWait1
    );
    !can_be && (socket.pointer().is_none() || socket.is_minisocket)
}
