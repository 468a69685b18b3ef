//! The search for the socket that an entry of a sock_diag dump is about, and what the dump shows of it.

use foldhash::HashSet;

use super::{Sockets, may_share};
use crate::{
    address::{Endpoint, Tuple},
    tcp::TcpState,
    tracker::{SocketInfo, socket::Key},
};

impl Sockets {
    /// Keys of all sockets, the oldest first.
    pub(in crate::tracker) fn keys(&self) -> Vec<Key> {
        let mut keys: Vec<_> = self.table.iter().map(|(key, _)| key).collect();
        keys.sort_unstable();
        keys
    }

    /// Keys of the sockets that an entry of a dump may be about, without those that other entries `matched`: by its
    /// cookie one, or by its ends where one side has no cookie. If the local port is not known here, several may be it.
    pub(in crate::tracker) fn find_dumped(&self, dumped: &SocketInfo, matched: &HashSet<Key>) -> Vec<Key> {
        if let Some(key) = dumped.cookie.and_then(|cookie| self.with_cookie(cookie)) {
            return vec![key];
        }
        let local = Endpoint { port: 0, ..dumped.tuple.local };
        let without_port = Tuple { local, ..dumped.tuple };
        let could_be = |tuple| {
            let with_tuple = self.table.with_tuple(tuple).filter(|(_, socket)| {
                let is_nameless = socket.cookie().is_none() || dumped.cookie.is_none();
                let is_findable = !socket.is_unfinished || socket.is_request;
                is_nameless && is_findable && may_share(socket.netns(), dumped.netns)
            });
            with_tuple.map(|(key, _)| key)
        };
        match could_be(dumped.tuple).filter(|key| !matched.contains(key)).min() {
            Some(oldest) => vec![oldest],
            None => could_be(without_port).collect(),
        }
    }

    /// Takes over what a dump shows of a socket: its cookie, its namespace, and its ends.
    pub(in crate::tracker) fn update_from_dump(&mut self, key: Key, dumped: &SocketInfo) {
        let Some(socket) = self.get_mut(key) else { return };
        socket.set_netns_if_unknown(dumped.netns);
        socket.update_transient(|transient| transient.connecting_tid = None);
        let (known, before) = (socket.cookie(), *socket.tuple());
        if let (None, Some(cookie)) = (known, dumped.cookie) {
            self.table.set_cookie_unless_taken(key, cookie);
        }
        if before == dumped.tuple {
            return;
        }
        self.table.set_tuple(key, dumped.tuple);
        self.forget_listener(before.local.port, key);
        if dumped.state == TcpState::Listen {
            self.add_listener(key);
        } else {
            self.assign_connection(key);
        }
    }
}
