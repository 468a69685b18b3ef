//! Lets through what the filter wants, and holds back what it cannot judge yet.
//!
//! A client's local port is not known at its first event, so `--port 54321` cannot tell whether that is the one. The
//! record waits for the socket's next event, which knows. What is never decided counts as filtered.

use std::collections::HashMap;

use super::{Filter, Verdict};
use crate::{
    record::{Record, SocketId, Transition},
    tcp::TcpState,
};

/// A filter with a memory for undecided records.
#[derive(Debug)]
pub struct Gate {
    filter: Filter,
    held: HashMap<SocketId, Vec<Record>>,
    /// No more events than this are shown.
    most: Option<u64>,
    shown: u64,
    filtered: u64,
}

impl Gate {
    /// A gate for this filter, which closes for good after `most` events.
    #[must_use]
    pub fn new(filter: Filter, most: Option<u64>) -> Self {
        Self { filter, held: HashMap::new(), most, shown: 0, filtered: 0 }
    }

    /// Hands on the record, with what was held back before it, if it is wanted.
    pub fn pass<E>(
        &mut self,
        record: Record,
        mut onward: impl FnMut(&Record) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(socket) = record.subject().map(|subject| subject.socket) else {
            return onward(&record);
        };
        let ends = matches!(record, Record::Transition(Transition { to: TcpState::Close, .. }));
        match self.filter.verdict(&record) {
            Verdict::Undecided if !ends => self.held.entry(socket).or_default().push(record),
            Verdict::Show => {
                let held = self.held.remove(&socket).unwrap_or_default();
                for record in held.iter().chain([&record]) {
                    match (record.is_event(), self.is_full()) {
                        (true, true) => self.filtered += 1,
                        (true, false) => {
                            self.shown += 1;
                            onward(record)?;
                        }
                        (false, _) => onward(record)?,
                    }
                }
            }
            Verdict::Undecided | Verdict::Hide => {
                let held = self.held.remove(&socket).unwrap_or_default();
                let events = held.iter().chain([&record]).filter(|record| record.is_event()).count();
                self.filtered += events as u64;
            }
        }
        Ok(())
    }

    /// Ends the wait: what is still undecided was not found to match.
    pub fn finish(&mut self) {
        let undecided = self.held.drain().flat_map(|(_, records)| records);
        self.filtered += undecided.filter(Record::is_event).count() as u64;
    }

    /// Whether as many events were shown as were asked for.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.most.is_some_and(|most| self.shown >= most)
    }

    /// Events told so far.
    #[must_use]
    pub const fn shown(&self) -> u64 {
        self.shown
    }

    /// Events turned away so far.
    #[must_use]
    pub const fn filtered(&self) -> u64 {
        self.filtered
    }
}
