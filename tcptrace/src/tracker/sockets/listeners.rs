//! The sockets that listen, so that a child finds the one that it comes from.

use super::{Key, Sockets, same};
use crate::{
    address::{Endpoint, Netns},
    event::Event,
    process::Owner,
    tcp::TcpState,
    tracker::{is_unfinished, socket::Socket},
};

impl Sockets {
    /// Notes that a socket listens, so that children find it.
    pub(in crate::tracker) fn listens(&mut self, key: Key) {
        let Some(port) = self.get(key).map(|socket| socket.tuple.local.port).filter(|port| *port != 0) else {
            return;
        };
        let keys = self.listeners.entry(port).or_default();
        if !keys.contains(&key) {
            keys.push(key);
        }
    }

    /// The owner of the listening socket that a new child comes from.
    pub(in crate::tracker) fn parent(&self, child: &Event) -> Option<Owner> {
        if is_unfinished(child)
            && let Some(listener) = child.cookie.and_then(|cookie| self.with_cookie(cookie))
        {
            return self.get(listener)?.owner;
        }
        self.listener_owner(child.netns, child.tuple.local)
    }

    /// The owner of the socket that listens there. If several fit, as with `SO_REUSEPORT`, they must agree: otherwise
    /// nobody knows.
    pub(in crate::tracker) fn listener_owner(&self, netns: Option<Netns>, local: Endpoint) -> Option<Owner> {
        let rank = |socket: &Socket| {
            let address = socket.tuple.local.address;
            if address == local.address {
                Some(2)
            } else if address.is_unspecified() {
                Some(u8::from(address.is_ipv4() == local.address.is_ipv4()))
            } else {
                None
            }
        };
        let fitting = || {
            self.listeners
                .get(&local.port)
                .into_iter()
                .flatten()
                .filter_map(|key| self.get(*key))
                .filter(|socket| socket.state == TcpState::Listen && same(socket.netns, netns))
        };
        let best = fitting().filter_map(rank).max()?;
        let mut owners = fitting().filter(|socket| rank(socket) == Some(best)).map(|socket| socket.owner);
        let first = owners.next()??;
        owners.all(|owner| owner.is_some_and(|owner| owner.pid == first.pid)).then_some(first)
    }

    pub(super) fn forget_listener(&mut self, port: u16, key: Key) {
        if let Some(keys) = self.listeners.get_mut(&port) {
            keys.retain(|other| *other != key);
            if keys.is_empty() {
                self.listeners.remove(&port);
            }
        }
    }
}
