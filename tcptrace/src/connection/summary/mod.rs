//! Summary of a connection: who opened it, who closed it first, how it ended, how long it took and what it carried.
//!
//! A connection is over when each of its ends on this host is in `CLOSE` or `TIME_WAIT`. An orphan in `FIN_WAIT2` is an
//! open end, also where its peer on this host has closed: with a RST under way its own end follows at once, and a summary
//! must not come before it. What minisockets do afterwards (`TIME_WAIT → CLOSE`) changes no summary, nor do single
//! segments: only their number counts.

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
    /// Summary of a connection that is over, or still open at the moment given; none of a history without a state step,
    /// of which nobody could say when.
    #[must_use]
    pub fn on(history: &ConnectionHistory, open_at: Option<Moment>) -> Option<Self> {
        let places = Places::of(history)?;
        let first = history.state_steps().next()?.at;
        let until = open_at.or_else(|| history.ended_at())?;
        let open = open_at.is_some();
        let durations = durations::Durations::of(history);
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
            lasted_ns: history.begins().then(|| until.since(first)),
            established_ns: durations.established(),
            half_closed_ns: durations.half_closed(until),
            teardown_ns: if open { None } else { durations.teardown(until) },
            completeness: Completeness::of(history),
        })
    }
}
