//! The sockets as a list of the kernel's shows them.

use foldhash::HashSet;

use super::{Sockets, same};
use crate::{
    address::{Endpoint, Tuple},
    tcp::TcpState,
    tracker::{SocketInfo, socket::Key},
};

impl Sockets {
    /// All of them, the oldest first.
    pub(in crate::tracker) fn keys(&self) -> Vec<Key> {
        let mut keys: Vec<_> = self.table.iter().map(|(key, _)| key).collect();
        keys.sort_unstable();
        keys
    }

    /// The socket that an entry of a list is about, unless another entry was: by its cookie, or by its ends where one side
    /// has no cookie. The local port may be unknown here: then it may be any of several.
    pub(in crate::tracker) fn listed_as(&self, found: &SocketInfo, listed: &HashSet<Key>) -> Vec<Key> {
        if let Some(key) = found.cookie.and_then(|cookie| self.with_cookie(cookie)) {
            return vec![key];
        }
        let local = Endpoint { port: 0, ..found.tuple.local };
        let without_port = Tuple { local, ..found.tuple };
        let could_be = |tuple| {
            let with_tuple = self.table.with_tuple(tuple).filter(|(_, socket)| {
                let is_nameless = socket.cookie().is_none() || found.cookie.is_none();
                let is_findable = !socket.unfinished || socket.request;
                is_nameless && is_findable && same(socket.netns(), found.netns)
            });
            with_tuple.map(|(key, _)| key)
        };
        match could_be(found.tuple).filter(|key| !listed.contains(key)).min() {
            Some(oldest) => vec![oldest],
            None => could_be(without_port).collect(),
        }
    }

    /// Takes over what a list knows of a socket: its cookie, its namespace, and its ends.
    pub(in crate::tracker) fn relocate(&mut self, key: Key, found: &SocketInfo) {
        let Some(socket) = self.get_mut(key) else { return };
        socket.learn_netns(found.netns);
        socket.update_transient(|transient| transient.connecting = None);
        let (known, before) = (socket.cookie(), *socket.tuple());
        if let (None, Some(cookie)) = (known, found.cookie) {
            self.table.set_cookie_unless_taken(key, cookie);
        }
        if before == found.tuple {
            return;
        }
        self.table.set_tuple(key, found.tuple);
        self.forget_listener(before.local.port, key);
        if found.state == TcpState::Listen {
            self.add_listener(key);
        } else {
            self.connect(key);
        }
    }

    /// A minisocket takes over that was not seen: only a list can tell of it.
    pub(in crate::tracker) fn become_unwatched_minisocket(&mut self, key: Key) {
        if let Some(socket) = self.get_mut(key) {
            socket.is_minisocket = true;
            self.table.set_pointer(key, None);
            self.unwatched.insert(key);
        }
    }

    /// A minisocket has taken over, and where it lives is not known.
    pub(in crate::tracker) fn become_minisocket_somewhere(&mut self, key: Key, unwatched: bool) {
        self.become_unwatched_minisocket(key);
        if !unwatched {
            self.unwatched.remove(&key);
        }
    }

    /// The minisockets of which only a list can tell.
    pub(in crate::tracker) const fn unwatched(&self) -> &HashSet<Key> {
        &self.unwatched
    }
}
