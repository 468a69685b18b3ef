//! The sockets that listen, so that a child finds the one that it comes from.

use std::sync::Arc;

use super::{Sockets, may_share};
use crate::{
    address::{Endpoint, Netns},
    cgroup::Cgroup,
    event::StateChange,
    process::{Evidence, Owner},
    tcp::TcpState,
    tracker::{
        change::is_unfinished,
        socket::{Key, Socket},
    },
};

/// A listening socket that is being closed, with everything in its queue (`inet_csk_listen_stop`).
#[derive(Clone, Copy, Debug)]
pub(in crate::tracker) struct ClosingListener {
    netns: Option<Netns>,
    port: u16,
    tid: u32,
    at_ns: u64,
}

impl ClosingListener {
    /// The listening socket that an event begins to close.
    pub(in crate::tracker) fn of(event: &StateChange) -> Option<Self> {
        ((event.from, event.to) == (TcpState::Listen, TcpState::Close)).then_some(Self {
            netns: event.netns,
            port: event.tuple.local.port,
            tid: event.task.tid,
            at_ns: event.mono_ns,
        })
    }

    /// Whether an event ends a connection in the queue of the listening socket: on the same thread, right after, and
    /// for no reason of the connection's own.
    pub(in crate::tracker) fn is_reason_for(&self, event: &StateChange) -> bool {
        const TOGETHER: u64 = 1_000_000_000;
        let no_reason = event.sock.is_some_and(|facts| !facts.owned && !facts.orphan && facts.error == 0);
        no_reason
            && event.to == TcpState::Close
            && event.task.tid == self.tid
            && event.tuple.local.port == self.port
            && may_share(event.netns, self.netns)
            && event.mono_ns.saturating_sub(self.at_ns) < TOGETHER
    }
}

impl Sockets {
    /// Adds a socket that listens, so that children find it.
    pub(in crate::tracker) fn add_listener(&mut self, key: Key) {
        let Some(port) = self.get(key).map(|socket| socket.tuple().local.port).filter(|port| *port != 0)
        else {
            return;
        };
        let keys = self.listeners.entry(port).or_default();
        if !keys.contains(&key) {
            keys.push(key);
        }
    }

    /// Owner and cgroup that a new child has from its listening socket.
    pub(in crate::tracker) fn inherited_by(&self, child: &StateChange) -> Inherited {
        if is_unfinished(child)
            && let Some(listener) = child.cookie.and_then(|cookie| self.with_cookie(cookie))
        {
            return self.get(listener).map_or_else(Inherited::default, |socket| Inherited {
                owner: socket.owner.as_deref().copied().map(as_listeners),
                cgroup: socket.cgroup.clone(),
            });
        }
        self.inherited_at(child.netns, child.tuple.local)
    }

    /// Owner and cgroup that a child has from the socket that listens there. If several fit, as with `SO_REUSEPORT`,
    /// they must agree: otherwise nobody knows.
    pub(in crate::tracker) fn inherited_at(&self, netns: Option<Netns>, local: Endpoint) -> Inherited {
        let rank = |socket: &Socket| {
            let address = socket.tuple().local.address;
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
                .filter(|socket| socket.state == TcpState::Listen && may_share(socket.netns(), netns))
        };
        let best = fitting().filter_map(rank).max();
        let mut listeners = fitting().filter(|socket| rank(socket) == best);
        let Some(first) = listeners.next() else { return Inherited::default() };
        let (mut owner, mut cgroup) = (first.owner.as_deref(), first.cgroup.clone());
        for other in listeners {
            let pid = other.owner.as_deref().map(|owner| owner.pid);
            owner = owner.filter(|owner| pid == Some(owner.pid));
            cgroup = cgroup.filter(|cgroup| other.cgroup.as_ref() == Some(cgroup));
        }
        Inherited { owner: owner.copied().map(as_listeners), cgroup }
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

/// Owner and cgroup of a child before anybody accepts it.
#[derive(Debug, Default)]
pub(in crate::tracker) struct Inherited {
    pub(in crate::tracker) owner: Option<Owner>,
    pub(in crate::tracker) cgroup: Option<Arc<Cgroup>>,
}

fn as_listeners(owner: Owner) -> Owner {
    Owner { evidence: Evidence::Listener, ..owner }
}
