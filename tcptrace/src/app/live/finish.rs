//! The end of a live trace: detach, drain, account, and ask the kernel what is left of the sockets.

use std::collections::HashMap;

use anyhow::{Context as _, Result};

use super::{Live, Stop, dump::EVERYTHING};
use crate::{
    record::Totals,
    render::Listed,
    snapshot::{self, Options},
};

/// What is left to say at the end.
pub(in crate::app) struct Ended {
    pub(in crate::app) totals: Totals,
    pub(in crate::app) listed: Option<HashMap<u64, Listed>>,
}

impl Live {
    /// Ends the trace.
    pub(in crate::app) fn finish(&mut self, stop: &Stop) -> Result<Ended> {
        log::info!("ending: {stop:?}; {} sockets open", self.session.open());
        self.attached.detach();
        self.session.end();
        while self.step()? > 0 {}
        self.session.finish(&mut self.records);
        let counted = self.attached.accounting.read()?;
        log::info!("{} events came while another one was being recorded", counted.inside);
        let now = self.clock.now();
        self.session.on_counters(now, counted, &mut self.records);
        self.hand_on()?;
        self.story.finish(now).context("write")?;
        let told = self.story.totals();
        let totals = Totals {
            seen: self.session.seen(&counted),
            shown: told.shown,
            filtered: told.filtered + counted.filtered,
            lost: self.session.lost(&counted),
        };
        let accounted = totals.shown + totals.filtered + totals.lost;
        if totals.seen != accounted {
            log::warn!("{} events seen, but {accounted} accounted for: please report this", totals.seen);
        }
        Ok(Ended { totals, listed: self.what_is_left() })
    }

    /// After a write that failed: says how much is missing from the output.
    pub(in crate::app) fn tell_unwritten(&mut self) {
        self.attached.detach();
        let (lines, told) = (self.story.out.unwritten(), self.story.totals());
        let Ok(counted) = self.attached.accounting.read() else { return };
        let untold =
            self.session.seen(&counted).saturating_sub(told.shown + told.filtered + counted.filtered);
        log::warn!("the output lacks {lines} lines, and {untold} events that came after them");
    }

    /// What the kernel lists now, by cookie.
    fn what_is_left(&self) -> Option<HashMap<u64, Listed>> {
        if self.story.table.told() == 0 || self.story.table.drains_closed() {
            return None;
        }
        let snapshot = snapshot::take(Options { owners: false, ..EVERYTHING })
            .inspect_err(|error| log::warn!("what became of the sockets is not known: {error:#}"))
            .ok()?;
        let listed = snapshot.sockets.iter().map(|found| {
            let expires = found.timer.map(|timer| timer.expires);
            (found.cookie, Listed { state: found.state, expires })
        });
        Some(listed.collect())
    }
}
