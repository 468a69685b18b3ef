//! The verdict on a connection: who opened it, who closed it first, how it ended, how long it took and what it carried.
//!
//! A connection is over when each of its ends on this host is in `CLOSE` or `TIME_WAIT`. An orphan in `FIN_WAIT2` is an
//! end that still waits for a FIN, unless its peer on this host has closed. What stand-ins do afterwards (`TIME_WAIT →
//! CLOSE`) changes no verdict.

mod bytes;
mod completeness;
mod durations;
mod ended;
mod ends;
#[cfg(test)]
mod tests;

use crate::{
    address::{Endpoint, Netns},
    process::Owner,
    record::{ConnectionId, SocketId},
    report::{Account, FirstClose},
    tcp::TcpState,
    time::Moment,
};
pub use completeness::Completeness;
pub use ended::Ended;
use ends::Places;

/// What is known of a connection when it is over, or when the trace ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// When it was over; of one that is open, when that was asked.
    pub at: Moment,
    /// Its number.
    pub connection: ConnectionId,
    /// Whether it is still open.
    pub open: bool,
    /// Where it lives.
    pub netns: Option<Netns>,
    /// Its two ends, the opener first if it is known; one if a socket is connected to itself.
    pub ends: Vec<End>,
    /// Which end opened it.
    pub opener: Option<usize>,
    /// Which end closed it first.
    pub closed_first: Option<usize>,
    /// How it ended.
    pub ended: Option<Ended>,
    /// From its first event to its end.
    pub lasted_ns: Option<u64>,
    /// From the first end in `ESTABLISHED` to the first one that left it.
    pub established_ns: Option<u64>,
    /// From the first FIN to the second; to the end if there was none.
    pub half_closed_ns: Option<u64>,
    /// From the first step out of `ESTABLISHED` to the end.
    pub teardown_ns: Option<u64>,
    /// How much of it was seen.
    pub completeness: Completeness,
}

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// Its address.
    pub address: Endpoint,
    /// Its socket, if that was seen.
    pub socket: Option<SocketId>,
    /// Its last state.
    pub state: Option<TcpState>,
    /// Its last known owner.
    pub owner: Option<Owner>,
    /// How long its handshake took: from its SYN, or from the peer's, to `ESTABLISHED`.
    pub handshake_ns: Option<u64>,
    /// Payload that it sent and that arrived; known once it can send no more.
    pub payload: Option<u64>,
    /// Segments that it sent again.
    pub retransmits: Option<u64>,
}

impl Verdict {
    /// The verdict on a connection, over or `open`; none on an account without a side.
    #[must_use]
    pub fn on(account: &Account, at: Moment, open: bool) -> Option<Self> {
        let places = Places::of(account)?;
        let until = if open { at } else { account.ended_at().unwrap_or(at) };
        let durations = durations::Durations::of(account);
        let first = account.steps.first().map(|step| step.at);
        Some(Self {
            at: until,
            connection: account.id,
            open,
            netns: account.sides.iter().find_map(|side| side.netns),
            ends: places.ends(account),
            opener: places.opener(account),
            closed_first: match account.first_close() {
                Some(FirstClose::Side(side, _)) => places.of_side(side),
                Some(FirstClose::Peer(side, _)) => places.of_peer(side),
                Some(FirstClose::Never(..)) | None => None,
            },
            ended: if open { None } else { ended::ended(account, &places) },
            lasted_ns: first.filter(|_| account.begins()).map(|first| until.since(first)),
            established_ns: durations.established(),
            half_closed_ns: durations.half_closed(until),
            teardown_ns: if open { None } else { durations.teardown(until) },
            completeness: Completeness::of(account),
        })
    }
}
