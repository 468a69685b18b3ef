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
mod properties;
#[cfg(test)]
mod tests;

use crate::{
    record::{Completeness, Verdict},
    report::{Account, FirstClose},
    time::Moment,
};
use ends::Places;

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
