//! Where told things go: through the gate to the format, and into the ledger for the closing report.

use std::io::{self, Write as _};

use super::conditions::Met;
use crate::{
    connection::{ConnectionHistory, ConnectionTable},
    filter::{Filter, FilterStage},
    output::Output,
    record::{ConnectionSummary, Record, Totals},
    render::Render,
    time::Moment,
};

/// The way out of a trace.
pub struct Story {
    stage: FilterStage,
    format: Box<dyn Render>,
    pub(super) table: ConnectionTable,
    pub(super) out: Output,
    /// What was told that `--fail-on` may look for.
    pub(super) met: Met,
}

impl Story {
    /// Through this filter, in this format, to this output; no more than `most` events.
    #[must_use]
    pub fn new(
        filter: Filter,
        format: Box<dyn Render>,
        table: ConnectionTable,
        out: Output,
        most: Option<u64>,
    ) -> Self {
        Self { stage: FilterStage::new(filter, most), format, table, out, met: Met::default() }
    }

    /// Tells records, as far as they are wanted.
    pub fn tell(&mut self, records: &mut Vec<Record>) -> io::Result<()> {
        let Self { stage, format, table, out, met } = self;
        let told = records.iter().try_for_each(|record| {
            stage.pass(record, |record| {
                met.add(record);
                table.add(record);
                format.write(out, record)?;
                if !table.drains_closed() {
                    return Ok(());
                }
                let over = table.drain_closed();
                over.iter().try_for_each(|history| judge(format.as_mut(), out, history, None))
            })
        });
        records.clear();
        told
    }

    /// Tells one record about the trace itself.
    pub fn announce(&mut self, record: &Record) -> io::Result<()> {
        self.format.write(&mut self.out, record)
    }

    /// Hands on what is buffered.
    ///
    /// # Errors
    /// Those of the output.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// What was asked for.
    pub(super) const fn filter(&self) -> &Filter {
        self.stage.filter()
    }

    /// Whether as much was told as was asked for.
    pub(super) fn is_enough(&self) -> bool {
        self.stage.is_full()
    }

    /// Ends it: what is still undecided counts as filtered, and what is open gets its verdict as it is.
    pub fn finish(&mut self, now: Moment) -> io::Result<()> {
        self.stage.finish();
        let Self { format, table, out, .. } = self;
        if !table.drains_closed() {
            return Ok(());
        }
        table.histories().try_for_each(|history| judge(format.as_mut(), out, &history, Some(now)))
    }

    /// Told and turned away so far.
    pub fn totals(&self) -> Totals {
        Totals { shown: self.stage.shown(), filtered: self.stage.filtered(), ..Totals::default() }
    }
}

/// Tells the verdict on a connection: over, or still open now.
fn judge(
    format: &mut dyn Render,
    out: &mut Output,
    history: &ConnectionHistory,
    open: Option<Moment>,
) -> io::Result<()> {
    match ConnectionSummary::on(history, open) {
        Some(summary) => format.write(out, &Record::Connection(Box::new(summary))),
        None => Ok(()),
    }
}
