//! The sockets that were there before, against the events that came while they were listed.
//!
//! Attach first, list second: then no change can fall between. A socket that has had events by then is told as it was
//! before the first of them, because the list may show it before or after; one whose life began with them is not told
//! at all. So nothing is missed and nothing is told twice. A `CLOSE` that has a port already is no life yet.

use std::sync::Arc;

use foldhash::{HashMap, HashSet};

use super::{begins, is_unfinished};
use crate::{
    address::{Endpoint, Netns, Tuple},
    cgroup::Cgroup,
    event::{Event, Note, Observation, Sign, TimerStep},
    process::Owner,
    tcp::TcpState,
};

/// A socket that was found when the trace began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its cookie, where the kernel tells.
    pub cookie: Option<u64>,
    /// Where it lives.
    pub netns: Option<Netns>,
    /// Its two ends.
    pub tuple: Tuple,
    /// Its state.
    pub state: TcpState,
    /// The process that has it open.
    pub owner: Option<Owner>,
    /// The cgroup that it was made in.
    pub cgroup: Option<Arc<Cgroup>>,
}

impl From<crate::found::Found> for Found {
    fn from(found: crate::found::Found) -> Self {
        Self {
            cookie: (found.cookie != 0).then_some(found.cookie),
            netns: Some(found.netns),
            tuple: found.tuple,
            state: found.state,
            owner: found.owner(),
            cgroup: found.cgroup,
        }
    }
}

/// The two ends of a request socket, and where.
type Request = (Option<Netns>, Tuple);

/// The requests that began with these observations, or whose child did. The first note of one that began starts its timer; one
/// that was there before stops it first, when the SYN+ACK is sent again. A child has the cookie of its request only if that had
/// one: a list that shows the request meanwhile gives it another.
#[must_use]
pub fn begun_requests(since: &[Observation]) -> HashSet<Request> {
    let mut first: HashMap<Request, TimerStep> = HashMap::default();
    for seen in since {
        match seen {
            Observation::Note(Note { sign: Sign::Request(step), netns, tuple, .. }) => {
                first.entry((*netns, *tuple)).or_insert(*step);
            }
            Observation::Event(event) if begins(event) && event.to == TcpState::SynRecv => {
                first.insert((event.netns, event.tuple), TimerStep::Started);
            }
            _ => {}
        }
    }
    first.into_iter().filter(|(_, step)| *step == TimerStep::Started).map(|(request, _)| request).collect()
}

/// What remains to be told of `found`, given the events that came since the hook was attached, in their order, and the
/// requests that began since.
#[must_use]
pub fn merge(found: Vec<Found>, since: &[Event], requests: &HashSet<Request>) -> Vec<Found> {
    let mut by_cookie = HashMap::default();
    let mut by_tuple = HashMap::default();
    // What a socket is found by may come later than its first event: the local port, or before Linux 6.15 a child's
    // cookie. Its address in memory is there from the first event on.
    let mut lives: HashMap<u64, &Event> = HashMap::default();
    // First events of lives that are not known by anything else yet.
    let mut portless: HashMap<u64, &Event> = HashMap::default();
    for event in since {
        portless.remove(&event.pointer);
        if begins(event) || lives.get(&event.pointer).is_some_and(|first| is_another(first, event)) {
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
                by_tuple.entry((event.netns, event.tuple)).or_insert(first);
            }
        }
    }
    let portless: HashSet<_> = portless.values().map(|event| (event.netns, event.tuple)).collect();
    let is_portless = |found: &Found| {
        let local = Endpoint { port: 0, ..found.tuple.local };
        let tuple = Tuple { local, ..found.tuple };
        matches!(found.state, TcpState::SynSent | TcpState::Listen)
            && (portless.contains(&(found.netns, tuple)) || portless.contains(&(None, tuple)))
    };
    found
        .into_iter()
        .filter(|found| found.state != TcpState::SynRecv || !requests.contains(&(found.netns, found.tuple)))
        .filter_map(|found| {
            let first = found
                .cookie
                .and_then(|cookie| by_cookie.get(&cookie))
                .or_else(|| by_tuple.get(&(found.netns, found.tuple)))
                // Where events do not tell the namespace.
                .or_else(|| by_tuple.get(&(None, found.tuple)));
            match first {
                None if found.state == TcpState::Close || is_portless(&found) => None,
                None => Some(found),
                Some(event) if begins(event) => None,
                // The ends too: the list may show a later life of the same socket.
                Some(event) if event.tuple.local.is_set() => {
                    Some(Found { state: event.from, tuple: event.tuple, ..found })
                }
                Some(event) => Some(Found { state: event.from, ..found }),
            }
        })
        .collect()
}

/// Whether two events at one place in memory are of two sockets: the end of the first was lost.
fn is_another(first: &Event, event: &Event) -> bool {
    !is_unfinished(first) && first.cookie.is_some() && event.cookie.is_some() && first.cookie != event.cookie
}
