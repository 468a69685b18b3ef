//! One socket, as far as it is known.
//!
//! A trace keeps one for every open socket of the host, so it is small: numbers without a flag beside them, one owner
//! for all who share it, and what is true only for a moment elsewhere.

mod table;
mod transient;

use std::sync::Arc;

use crate::{
    address::{Netns, Tuple},
    cgroup::Cgroup,
    process::Owner,
    record::{ConnectionId, Record, SocketId, Subject},
    tcp::TcpState,
    time::Moment,
};
pub(super) use table::{Key, Table};
pub(super) use transient::{Birth, Minisocket, Transient};

/// Keys by which a socket is found; in the table only the table changes them.
#[derive(Clone, Copy, Debug)]
pub(super) struct SocketKeys {
    pub(super) cookie: Option<u64>,
    pub(super) pointer: Option<u64>,
    pub(super) tuple: Tuple,
}

/// A socket that the tracker follows.
#[derive(Debug)]
pub(super) struct Socket {
    cookie: PackedU64,
    pointer: PackedU64,
    tuple: Tuple,
    /// Inode of the network namespace; 0 if it is not known.
    netns: u32,
    pub(super) state: TcpState,
    /// Whether it is a request socket that was seen to be made.
    pub(super) is_request: bool,
    /// Whether a minisocket has taken over.
    pub(super) is_minisocket: bool,
    /// Whether its cookie and addresses, or its name, come with a later event.
    pub(super) is_unfinished: bool,
    /// Time at which it entered the state, if that was seen: nanoseconds of the monotonic clock.
    entered_ns: PackedU64,
    pub(super) owner: Option<Arc<Owner>>,
    pub(super) cgroup: Option<Arc<Cgroup>>,
    connection: PackedU64,
    transient: Option<Box<Transient>>,
}

impl Socket {
    pub(super) fn new(id: SocketId, state: TcpState, netns: Option<Netns>, keys: SocketKeys) -> Self {
        let SocketKeys { cookie, pointer, tuple } = keys;
        let mut socket = Self {
            cookie: PackedU64::from(cookie),
            pointer: PackedU64::from(pointer),
            tuple,
            netns: 0,
            state,
            is_request: false,
            is_minisocket: false,
            is_unfinished: false,
            entered_ns: PackedU64::NONE,
            owner: None,
            cgroup: None,
            connection: PackedU64::NONE,
            transient: None,
        };
        socket.set_netns_if_unknown(netns);
        socket.set_name(id);
        socket
    }

    pub(super) fn cookie(&self) -> Option<u64> {
        self.cookie.get()
    }

    pub(super) fn pointer(&self) -> Option<u64> {
        self.pointer.get()
    }

    pub(super) const fn tuple(&self) -> &Tuple {
        &self.tuple
    }

    /// Identity to show: the cookie, or the name from before that was known.
    pub(super) fn id(&self) -> SocketId {
        let name = self.transient.as_ref().and_then(|transient| transient.name);
        name.unwrap_or_else(|| SocketId::Cookie(self.cookie.get().unwrap_or_default()))
    }

    /// Sets the identity to show from now on.
    pub(super) fn set_name(&mut self, id: SocketId) {
        let name = (self.cookie.get().map(SocketId::Cookie) != Some(id)).then_some(id);
        self.update_transient(|transient| transient.name = name);
    }

    pub(super) fn netns(&self) -> Option<Netns> {
        (self.netns != 0).then_some(Netns(self.netns))
    }

    pub(super) fn set_netns_if_unknown(&mut self, netns: Option<Netns>) {
        if let (0, Some(Netns(inode))) = (self.netns, netns) {
            self.netns = inode;
        }
    }

    /// Time at which the socket entered its state, if that was seen.
    pub(super) fn entered_ns(&self) -> Option<u64> {
        self.entered_ns.get()
    }

    pub(super) fn set_entered_ns(&mut self, mono_ns: Option<u64>) {
        self.entered_ns = PackedU64::from(mono_ns);
    }

    /// Time that the socket has been in its state, nanoseconds.
    pub(super) fn time_in_state(&self, now: Moment) -> Option<u64> {
        self.entered_ns.get().map(|entered| now.mono_ns.saturating_sub(entered))
    }

    pub(super) fn connection(&self) -> Option<ConnectionId> {
        self.connection.get().map(ConnectionId)
    }

    pub(super) fn set_connection(&mut self, connection: Option<ConnectionId>) {
        self.connection = PackedU64::from(connection.map(|id| id.0));
    }

    /// State that passes.
    pub(super) fn transient(&self) -> &Transient {
        self.transient.as_deref().unwrap_or(Transient::NOTHING)
    }

    /// Changes the state that passes, which takes memory only while there is some.
    pub(super) fn update_transient<T>(&mut self, change: impl FnOnce(&mut Transient) -> T) -> T {
        let mut nothing = Transient::default();
        let transient = self.transient.as_deref_mut().unwrap_or(&mut nothing);
        let changed = change(transient);
        match (transient.is_nothing(), self.transient.is_some()) {
            (true, true) => self.transient = None,
            (false, false) => self.transient = Some(Box::new(nothing)),
            _ => {}
        }
        changed
    }

    /// Forgets the minisocket that was about to take over.
    pub(super) fn forget_minisocket(&mut self) {
        if self.transient().minisocket.is_some() {
            self.update_transient(|transient| transient.minisocket = None);
        }
    }

    /// Takes out the records that were held back.
    pub(super) fn take_held(&mut self) -> Vec<Record> {
        self.update_transient(|transient| std::mem::take(&mut transient.held))
    }

    /// Enters a state; nothing changes if the socket is in it.
    pub(super) fn enter(&mut self, state: TcpState, at: Moment) {
        if self.state != state {
            self.state = state;
            self.set_entered_ns(Some(at.mono_ns));
            if self.transient.is_some() {
                self.update_transient(|transient| transient.retransmits = 0);
            }
        }
    }

    /// The socket as a record shows it.
    pub(super) fn subject(&self) -> Subject {
        Subject {
            socket: self.id(),
            connection: self.connection(),
            netns: self.netns(),
            tuple: self.tuple,
            owner: self.owner.as_deref().copied(),
            cgroup: self.cgroup.clone(),
        }
    }
}

/// A number or none in 64 bits; an `Option<u64>` takes twice that. No clock and no counter comes to the last number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct PackedU64(u64);

impl PackedU64 {
    pub(super) const NONE: Self = Self(u64::MAX);

    pub(super) fn get(self) -> Option<u64> {
        (self != Self::NONE).then_some(self.0)
    }
}

impl From<Option<u64>> for PackedU64 {
    fn from(number: Option<u64>) -> Self {
        number.map_or(Self::NONE, Self)
    }
}

#[test]
fn a_socket_is_small() {
    // There is one for each open socket of the host.
    assert!(size_of::<Option<Socket>>() <= 104, "{}", size_of::<Option<Socket>>());
}
