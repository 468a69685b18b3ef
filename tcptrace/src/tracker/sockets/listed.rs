//! The sockets as a list of the kernel's shows them.

use std::collections::HashSet;

use super::{Key, Sockets, same};
use crate::{
    address::{Endpoint, Tuple},
    tcp::TcpState,
    tracker::Found,
};

impl Sockets {
    /// All of them, the oldest first.
    pub(in crate::tracker) fn keys(&self) -> Vec<Key> {
        let mut keys: Vec<_> = self.table.keys().copied().collect();
        keys.sort_unstable();
        keys
    }

    /// The socket that an entry of a list is about, unless another entry was: by its cookie, or by its ends where one side
    /// has no cookie. The local port may be unknown here.
    pub(in crate::tracker) fn listed_as(&self, found: &Found, listed: &HashSet<Key>) -> Option<Key> {
        if let Some(key) = found.cookie.and_then(|cookie| self.with_cookie(cookie)) {
            return Some(key);
        }
        let local = Endpoint { port: 0, ..found.tuple.local };
        let without_port = Tuple { local, ..found.tuple };
        let at = |tuple| self.by_tuple.get(tuple).into_iter().flatten().copied();
        at(&found.tuple).chain(at(&without_port)).find(|key| {
            !listed.contains(key)
                && self.get(*key).is_some_and(|socket| {
                    let is_nameless = socket.cookie.is_none() || found.cookie.is_none();
                    let is_findable = !socket.unfinished || socket.request;
                    is_nameless && is_findable && same(socket.netns, found.netns)
                })
        })
    }

    /// Takes over what a list knows of a socket: its cookie, its namespace, and its ends.
    pub(in crate::tracker) fn relocate(&mut self, key: Key, found: &Found) {
        let Some(socket) = self.table.get_mut(&key) else { return };
        if let (None, Some(cookie)) = (socket.cookie, found.cookie) {
            socket.cookie = Some(cookie);
            self.by_cookie.entry(cookie).or_insert(key);
        }
        socket.netns = socket.netns.or(found.netns);
        socket.connecting = None;
        let before = std::mem::replace(&mut socket.tuple, found.tuple);
        if before == found.tuple {
            return;
        }
        self.forget_tuple(before, key);
        self.by_tuple.entry(found.tuple).or_default().push(key);
        self.forget_listener(before.local.port, key);
        if found.state == TcpState::Listen {
            self.listens(key);
        } else {
            self.connect(key);
        }
    }

    /// A minisocket takes over that was not seen: only a list can tell of it.
    pub(in crate::tracker) fn stands_in_unseen(&mut self, key: Key) {
        if let Some(socket) = self.table.get_mut(&key) {
            socket.stand_in = true;
            if let Some(pointer) = socket.pointer.take() {
                self.by_pointer.remove(&pointer);
            }
            self.unwatched.insert(key);
        }
    }

    /// A minisocket has taken over, and where it lives is not known.
    pub(in crate::tracker) fn stands_in_somewhere(&mut self, key: Key, unwatched: bool) {
        self.stands_in_unseen(key);
        if !unwatched {
            self.unwatched.remove(&key);
        }
    }

    /// The minisockets of which only a list can tell.
    pub(in crate::tracker) const fn unwatched(&self) -> &foldhash::HashSet<Key> {
        &self.unwatched
    }
}
