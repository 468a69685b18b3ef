//! The end of a live trace: detach, drain, count, and ask the kernel what is left of the sockets.

use std::collections::HashMap;

use anyhow::Result;

use super::{Destination, Live, dump::EVERYTHING};
use crate::{
    pipeline::{Dumped, Ending},
    record::{End, Totals},
    snapshot::{self, Options},
};

impl Live {
    /// Ends the trace: emits what has happened by now, and says what there is to say at the end.
    pub(crate) fn finish<'o>(&mut self, to: &mut impl Destination<'o>) -> Result<Ending> {
        log::info!("ending; {} sockets open", self.session.open());
        self.attached.detach();
        self.session.end();
        while self.step(to)? > 0 {}
        self.session.finish(&mut self.records);
        let counted = self.attached.accounting.read()?;
        log::info!("{} events came while another one was being recorded", counted.inside);
        let now = self.clock.now();
        self.session.on_counters(now, counted, &mut self.records);
        self.hand_on(to)?;
        let pipeline = to.pipeline();
        pipeline.close();
        let shown = pipeline.totals();
        let totals = Totals {
            seen: self.session.seen(&counted),
            shown: shown.shown,
            filtered: shown.filtered + counted.filtered,
            lost: self.session.lost(&counted),
        };
        let accounted = totals.shown + totals.filtered + totals.lost;
        if totals.seen != accounted {
            log::warn!("{} events seen, but {accounted} accounted for: please report this", totals.seen);
        }
        let dumped = if pipeline.wants_final_dump() { dump_sockets() } else { None };
        let end = End { at: self.clock.now(), totals, illegal: pipeline.illegal() };
        Ok(Ending { end, open_at: now, is_complete: true, is_recorded: false, dumped })
    }

    /// Events that have not come to the pipeline, of a trace that nobody takes any more.
    #[cfg(feature = "cli")]
    pub(crate) fn count_unemitted(&mut self, pipeline: &crate::pipeline::Pipeline<'_>) -> Result<u64> {
        self.attached.detach();
        let counted = self.attached.accounting.read()?;
        let Totals { shown, filtered, .. } = pipeline.totals();
        Ok(self.session.seen(&counted).saturating_sub(shown + filtered + counted.filtered))
    }
}

/// The sockets that the kernel has now, by cookie.
fn dump_sockets() -> Option<HashMap<u64, Dumped>> {
    let snapshot = snapshot::take(Options { owners: false, ..EVERYTHING })
        .inspect_err(|error| log::warn!("what became of the sockets is not known: {error:#}"))
        .ok()?;
    let dumped = snapshot.sockets.iter().map(|socket| {
        let expires = socket.timer.map(|timer| timer.expires);
        (socket.cookie, Dumped { state: socket.state, expires })
    });
    Some(dumped.collect())
}
