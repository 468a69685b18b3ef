//! The verdict on a connection: who opened it, who closed it first, how it ended, how long it took and what it carried.
//!
//! A connection is over when each of its ends on this host is in `CLOSE` or `TIME_WAIT`. An orphan in `FIN_WAIT2` is an
//! end that still waits for a FIN, unless its peer on this host has closed. What stand-ins do afterwards (`TIME_WAIT →
//! CLOSE`) changes no verdict.

mod bytes;
mod completeness;
mod durations;
mod ends;
mod outcome;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

use crate::{
    connection::{ConnectionHistory, FirstClose},
    record::{Completeness, ConnectionSummary},
    time::Moment,
};
use ends::Places;

impl ConnectionSummary {
    /// The verdict on a connection, over or `open`; none on an account without a side.
    #[must_use]
    pub fn on(history: &ConnectionHistory, at: Moment, open: bool) -> Option<Self> {
        let places = Places::of(history)?;
        let until = if open { at } else { history.ended_at().unwrap_or(at) };
        let durations = durations::Durations::of(history);
        let first = history.steps.first().map(|step| step.at);
        Some(Self {
            at: until,
            connection: history.id,
            open,
            netns: history.sides.iter().find_map(|side| side.netns),
            ends: places.ends(history),
            opener: places.opener(history),
            closed_first: match history.first_close() {
                Some(FirstClose::Side(side, _)) => places.of_side(side),
                Some(FirstClose::Peer(side, _)) => places.of_peer(side),
                Some(FirstClose::Never(..)) | None => None,
            },
            outcome: if open { None } else { outcome::outcome(history, &places) },
            lasted_ns: first.filter(|_| history.begins()).map(|first| until.since(first)),
            established_ns: durations.established(),
            half_closed_ns: durations.half_closed(until),
            teardown_ns: if open { None } else { durations.teardown(until) },
            completeness: Completeness::of(history),
        })
    }
}
