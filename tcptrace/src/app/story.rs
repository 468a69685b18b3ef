//! Where told things go: through the gate to the format, and into the ledger for the closing report.

use std::io::{self, Write as _};

use super::conditions::Met;
use crate::{
    filter::{Filter, Gate},
    output::Output,
    record::{Record, Totals, Verdict},
    render::Render,
    report::{Account, Ledger},
    time::Moment,
};

/// The way out of a trace.
pub struct Story {
    gate: Gate,
    format: Box<dyn Render>,
    pub(super) ledger: Ledger,
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
        ledger: Ledger,
        out: Output,
        most: Option<u64>,
    ) -> Self {
        Self { gate: Gate::new(filter, most), format, ledger, out, met: Met::default() }
    }

    /// Tells records, as far as they are wanted.
    pub fn tell(&mut self, records: &mut Vec<Record>) -> io::Result<()> {
        let Self { gate, format, ledger, out, met } = self;
        let told = records.iter().try_for_each(|record| {
            gate.pass(record, |record| {
                met.add(record);
                ledger.add(record);
                format.write(out, record)?;
                if !ledger.settles() {
                    return Ok(());
                }
                let over = ledger.settle();
                over.iter().try_for_each(|account| judge(format.as_mut(), out, account, None))
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
        self.gate.filter()
    }

    /// Whether as much was told as was asked for.
    pub(super) fn is_enough(&self) -> bool {
        self.gate.is_full()
    }

    /// Ends it: what is still undecided counts as filtered, and what is open gets its verdict as it is.
    pub fn finish(&mut self, now: Moment) -> io::Result<()> {
        self.gate.finish();
        let Self { format, ledger, out, .. } = self;
        if !ledger.settles() {
            return Ok(());
        }
        ledger.accounts().try_for_each(|account| judge(format.as_mut(), out, &account, Some(now)))
    }

    /// Told and turned away so far.
    pub fn totals(&self) -> Totals {
        Totals { shown: self.gate.shown(), filtered: self.gate.filtered(), ..Totals::default() }
    }
}

/// Tells the verdict on a connection: over, or still open now.
fn judge(
    format: &mut dyn Render,
    out: &mut Output,
    account: &Account,
    open: Option<Moment>,
) -> io::Result<()> {
    let at = open.or_else(|| account.ended_at()).unwrap_or_default();
    match Verdict::on(account, at, open.is_some()) {
        Some(verdict) => format.write(out, &Record::Connection(Box::new(verdict))),
        None => Ok(()),
    }
}
