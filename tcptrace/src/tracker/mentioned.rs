//! The sockets that events are about, by all that they may be known by.

use foldhash::HashSet;

use super::{change::is_unfinished, socket::Socket};
use crate::{address::Tuple, event::RawEvent};

/// Cookies, places in memory and ends of the sockets that events are about.
#[derive(Debug, Default)]
pub(super) struct Mentioned {
    cookies: HashSet<u64>,
    pointers: HashSet<u64>,
    tuples: HashSet<Tuple>,
    /// Those of the tuples that come without a cookie.
    nameless: HashSet<Tuple>,
}

impl Mentioned {
    pub(super) fn in_events(events: &[RawEvent]) -> Self {
        let mut mentioned = Self::default();
        for event in events {
            let (cookie, pointer, tuple) = match event {
                RawEvent::StateChange(event) if is_unfinished(event) => (None, event.pointer, None),
                RawEvent::StateChange(event) => (event.cookie, event.pointer, Some(event.tuple)),
                RawEvent::SocketEvent(event) => (event.cookie, event.pointer, Some(event.tuple)),
                RawEvent::Accept(_) | RawEvent::Fork(_) => continue,
            };
            mentioned.cookies.extend(cookie);
            mentioned.pointers.insert(pointer);
            mentioned.tuples.extend(tuple);
            mentioned.nameless.extend(tuple.filter(|_| cookie.is_none()));
        }
        mentioned
    }

    pub(super) fn contains(&self, socket: &Socket) -> bool {
        // The same ends may be another socket's by now.
        let by_name = match socket.cookie() {
            Some(cookie) => self.cookies.contains(&cookie) || self.nameless.contains(socket.tuple()),
            // Any number of clients call the same end, and their own ports are not known yet: but where they are in
            // memory.
            None if !socket.tuple().is_complete() && socket.pointer().is_some() => false,
            None => self.tuples.contains(socket.tuple()),
        };
        by_name || socket.pointer().is_some_and(|pointer| self.pointers.contains(&pointer))
    }
}
