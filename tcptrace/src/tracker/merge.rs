//! The sockets that existed before the trace, against the events that came while they were dumped.
//!
//! Attach first, dump second: then no change can fall between. A socket that has had events by then is emitted as it
//! was before the first of them, because the dump may show it before or after; one whose life began with them is not
//! emitted from the dump at all. So nothing is missed and nothing is emitted twice. A `CLOSE` that has a port already
//! is no life yet.

use foldhash::{HashMap, HashSet};

use super::{
    SocketInfo,
    change::{is_first, is_unfinished},
};
use crate::{
    address::{Endpoint, Netns, Tuple},
    event::{RawEvent, SocketEvent, SocketEventKind, StateChange, TimerStep},
    tcp::TcpState,
};

/// Both ends of a socket, and the namespace they are in.
type Ends = (Option<Netns>, Tuple);

/// Ends of the request sockets that began with these events, or whose child did. The first event of one that began starts
/// its timer; a request that was there before stops it first, when the SYN+ACK is sent again. A child has the cookie of its
/// request only if that had one: a dump that shows the request meanwhile gives it another.
#[must_use]
pub fn begun_requests(since: &[RawEvent]) -> HashSet<Ends> {
    let mut first: HashMap<Ends, TimerStep> = HashMap::default();
    for event in since {
        match event {
            RawEvent::SocketEvent(SocketEvent {
                kind: SocketEventKind::Request(step), netns, tuple, ..
            }) => {
                first.entry((*netns, *tuple)).or_insert(*step);
            }
            RawEvent::StateChange(event) if is_first(event) && event.to == TcpState::SynRecv => {
                first.insert((event.netns, event.tuple), TimerStep::Started);
            }
            _ => {}
        }
    }
    first.into_iter().filter(|(_, step)| *step == TimerStep::Started).map(|(ends, _)| ends).collect()
}

/// Sockets of a dump that remain to be emitted, as they were before the events that came `since` the hook was attached,
/// in their order, and without the `requests` that began since.
#[must_use]
pub fn merge(dumped: Vec<SocketInfo>, since: &[StateChange], requests: &HashSet<Ends>) -> Vec<SocketInfo> {
    let firsts = FirstEvents::of(since);
    let has_begun = |socket: &SocketInfo| {
        socket.state == TcpState::SynRecv && requests.contains(&(socket.netns, socket.tuple))
    };
    dumped
        .into_iter()
        .filter(|socket| !has_begun(socket))
        .filter_map(|socket| match firsts.find(&socket) {
            None if socket.state == TcpState::Close || firsts.has_portless(&socket) => None,
            None => Some(socket),
            Some(event) if is_first(event) => None,
            // The ends too: the dump may show a later life of the same socket.
            Some(event) if event.tuple.local.is_set() => {
                Some(SocketInfo { state: event.from, tuple: event.tuple, ..socket })
            }
            Some(event) => Some(SocketInfo { state: event.from, ..socket }),
        })
        // The child's own beginning may be lost.
        .filter(|socket| !has_begun(socket))
        .collect()
}

/// First event of each life, by all that a dump may know the socket by.
struct FirstEvents<'a> {
    by_cookie: HashMap<u64, &'a StateChange>,
    by_ends: HashMap<Ends, &'a StateChange>,
    /// Ends of lives that are not known by anything else yet.
    portless: HashSet<Ends>,
}

impl<'a> FirstEvents<'a> {
    fn of(since: &'a [StateChange]) -> Self {
        let mut by_cookie = HashMap::default();
        let mut by_ends = HashMap::default();
        // What a socket is found by may come later than its first event: the local port, or before Linux 6.15 a child's
        // cookie. Its address in memory is there from the first event on.
        let mut lives: HashMap<u64, &StateChange> = HashMap::default();
        let mut portless: HashMap<u64, &StateChange> = HashMap::default();
        for event in since {
            portless.remove(&event.pointer);
            if is_first(event) || lives.get(&event.pointer).is_some_and(|first| is_another(first, event)) {
                lives.insert(event.pointer, event);
            }
            let first = *lives.entry(event.pointer).or_insert(event);
            if event.to == TcpState::Close {
                lives.remove(&event.pointer);
            }
            match event.cookie {
                _ if is_unfinished(event) => {}
                Some(cookie) => {
                    by_cookie.entry(cookie).or_insert(first);
                }
                None if !event.tuple.local.is_set() && event.to != TcpState::Close => {
                    portless.insert(event.pointer, event);
                }
                None => {
                    by_ends.entry((event.netns, event.tuple)).or_insert(first);
                }
            }
        }
        let portless = portless.values().map(|event| (event.netns, event.tuple)).collect();
        Self { by_cookie, by_ends, portless }
    }

    fn find(&self, socket: &SocketInfo) -> Option<&'a StateChange> {
        let by_cookie = socket.cookie.and_then(|cookie| self.by_cookie.get(&cookie));
        let found = by_cookie
            .or_else(|| self.by_ends.get(&(socket.netns, socket.tuple)))
            // Where events do not name the namespace.
            .or_else(|| self.by_ends.get(&(None, socket.tuple)));
        found.copied()
    }

    /// Whether the socket may be one whose port its events do not know yet.
    fn has_portless(&self, socket: &SocketInfo) -> bool {
        let local = Endpoint { port: 0, ..socket.tuple.local };
        let tuple = Tuple { local, ..socket.tuple };
        matches!(socket.state, TcpState::SynSent | TcpState::Listen)
            && (self.portless.contains(&(socket.netns, tuple)) || self.portless.contains(&(None, tuple)))
    }
}

/// Whether two events at one place in memory are of two sockets: the end of the first was lost.
fn is_another(first: &StateChange, event: &StateChange) -> bool {
    !is_unfinished(first) && first.cookie.is_some() && event.cookie.is_some() && first.cookie != event.cookie
}
