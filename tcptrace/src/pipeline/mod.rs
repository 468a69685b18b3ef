//! The way out of a trace: filter, connection table, observers.
//!
//! ```text
//! Record ──▶ filter ──▶ connection table ──▶ observers: outputs, fail conditions, a library user's closure
//! ```
//!
//! There is one filter and one table, and any number of observers. The table keeps what the most demanding of them needs.

mod conditions;
mod observer;
#[cfg(test)]
mod tests;

use std::convert::Infallible;

pub use conditions::{Condition, FailConditions};
pub use observer::{Dumped, Ending, Needs, Observer};

use crate::{
    connection::{ConnectionTable, Keep},
    filter::{Filter, FilterStage},
    record::{Record, Totals},
};

/// Records on their way from a trace or a recording to its observers.
pub struct Pipeline<'o> {
    filter: FilterStage,
    table: ConnectionTable,
    observers: Vec<Box<dyn Observer + 'o>>,
    needs: Needs,
    illegal: u64,
}

impl<'o> Pipeline<'o> {
    /// A pipeline that lets through what `filter` wants, and no more than `most` events.
    #[must_use]
    pub fn new(filter: Filter, most: Option<u64>, observers: Vec<Box<dyn Observer + 'o>>) -> Self {
        let needs = observers.iter().map(|observer| observer.needs()).fold(Needs::default(), Needs::union);
        let keep = Keep { open: needs.connections, closed: needs.closed, segments: needs.segments };
        Self {
            filter: FilterStage::new(filter, most),
            table: ConnectionTable::new(keep),
            observers,
            needs,
            illegal: 0,
        }
    }

    /// Hands on records, as far as they are wanted, and empties the vector.
    pub fn emit(&mut self, records: &mut Vec<Record>) {
        records.iter().for_each(|record| self.emit_one(record));
        records.clear();
    }

    /// Hands on a record, with those that were held back before it, if it is wanted.
    pub fn emit_one(&mut self, record: &Record) {
        let Self { filter, table, observers, needs, illegal } = self;
        let Ok(()) = filter.pass(record, |record| {
            *illegal += u64::from(matches!(record, Record::Transition(step) if step.is_illegal()));
            observers.iter_mut().for_each(|observer| observer.record(record));
            if needs.connections
                && let Some(closed) = table.add(record).filter(|history| history.has_changed())
            {
                observers.iter_mut().for_each(|observer| observer.connection(&closed));
            }
            Ok::<_, Infallible>(())
        });
    }

    /// Has every observer hand on what it buffers.
    pub fn flush(&mut self) {
        self.observers.iter_mut().for_each(|observer| observer.flush());
    }

    /// Decides about the records that still wait for a port: none of them was found to match.
    pub fn close(&mut self) {
        self.filter.finish();
    }

    /// Tells every observer that the trace is over.
    pub fn finish(&mut self, ending: &Ending) {
        let Self { table, observers, .. } = self;
        for observer in observers {
            observer.finish(ending, table);
            observer.flush();
        }
    }

    /// Filter of the trace.
    #[must_use]
    pub const fn filter(&self) -> &Filter {
        self.filter.filter()
    }

    /// Whether as many events were shown as were asked for.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.filter.is_full()
    }

    /// Whether an observer wants to know at the end what the kernel has left of the sockets.
    #[must_use]
    pub fn wants_final_dump(&self) -> bool {
        self.needs.final_dump && self.table.connections() > 0
    }

    /// Events shown and turned away so far.
    #[must_use]
    pub fn totals(&self) -> Totals {
        Totals { shown: self.filter.shown(), filtered: self.filter.filtered(), ..Totals::default() }
    }

    /// Impossible steps among those that were shown.
    #[must_use]
    pub const fn illegal(&self) -> u64 {
        self.illegal
    }
}
