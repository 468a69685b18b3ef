//! The filter stage: passes on what the filter wants, and holds back what it cannot decide yet.
//!
//! A client's local port is not known at its first event, so `--port 54321` cannot say whether that is the one. The
//! record waits for the socket's next event, which knows. What is never decided counts as filtered.

use foldhash::{HashMap, HashMapExt as _};

use super::{Filter, Match};
use crate::{
    record::{Record, SocketId},
    tcp::TcpState,
};

/// A filter with a memory for undecided records.
#[derive(Debug)]
pub struct FilterStage {
    filter: Filter,
    held: HashMap<SocketId, Vec<Record>>,
    /// Most events to show.
    most: Option<u64>,
    shown: u64,
    filtered: u64,
}

impl FilterStage {
    /// Creates the stage; it passes on nothing more after `most` events.
    #[must_use]
    pub fn new(filter: Filter, most: Option<u64>) -> Self {
        Self { filter, held: HashMap::new(), most, shown: 0, filtered: 0 }
    }

    /// Passes on the record, with what was held back before it, if it is wanted.
    ///
    /// # Errors
    /// Those of `onward`.
    pub fn pass<E>(
        &mut self,
        record: &Record,
        mut onward: impl FnMut(&Record) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(socket) = record.subject().map(|subject| subject.socket) else {
            return onward(record);
        };
        // What waits is wanted but for its port, so the port alone decides, not what else this record is.
        let port = match self.filter.match_address(record) {
            Match::Undecided if is_last(record) => Match::No,
            port => port,
        };
        if port != Match::Undecided && !self.held.is_empty() {
            for held in self.held.remove(&socket).unwrap_or_default() {
                self.decide(port, &held, &mut onward)?;
            }
        }
        match port.min(self.filter.wants(record).into()) {
            Match::Undecided => self.held.entry(socket).or_default().push(record.clone()),
            wanted => self.decide(wanted, record, &mut onward)?,
        }
        Ok(())
    }

    /// Passes on the record or counts it as filtered.
    fn decide<E>(
        &mut self,
        wanted: Match,
        record: &Record,
        onward: &mut impl FnMut(&Record) -> Result<(), E>,
    ) -> Result<(), E> {
        if wanted == Match::Yes && !self.is_full() {
            self.shown += u64::from(record.is_event());
            return onward(record);
        }
        self.filtered += u64::from(record.is_event());
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

    /// Number of records that wait for a port.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.held.values().map(Vec::len).sum()
    }

    /// The filter of this stage.
    #[must_use]
    pub const fn filter(&self) -> &Filter {
        &self.filter
    }

    /// Events passed on so far.
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

/// Whether no more records of the socket's life come after this one.
const fn is_last(record: &Record) -> bool {
    match record {
        Record::Transition(step) => matches!(step.to, TcpState::Close | TcpState::TimeWait),
        Record::Existing(found) => matches!(found.state, TcpState::Close | TcpState::TimeWait),
        Record::Orphan(_) => true,
        Record::Retransmit(_) | Record::Reset(_) | Record::Stuck(_) => false,
        Record::Start(_) | Record::Connection(_) | Record::Lost(_) | Record::End(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        address::{Endpoint, Tuple},
        record::{Subject, Transition},
        time::Moment,
    };

    /// A step of the socket that connects from `port` to port 80.
    fn step(port: u16, from: TcpState, to: TcpState) -> Record {
        let end = |port| Endpoint { address: "127.0.0.1".parse().unwrap(), port };
        Record::Transition(Transition {
            at: Moment { mono_ns: 0, wall_ns: 0 },
            subject: Subject {
                socket: SocketId::Cookie(1),
                connection: None,
                netns: None,
                tuple: Tuple { local: end(port), remote: end(80) },
                owner: None,
                cgroup: None,
            },
            from,
            to,
            in_from_ns: None,
            since_first_ns: None,
            context: None,
            cause: None,
            numbers: None,
        })
    }

    /// How many of the steps are shown by then, one after the other, and how many wait at the end.
    fn shown(filter: &Filter, most: Option<u64>, steps: &[Record]) -> (Vec<u64>, usize) {
        let mut stage = FilterStage::new(filter.clone(), most);
        let pass = |step: &Record| {
            stage.pass(step, |_| Ok::<_, ()>(())).unwrap();
            stage.shown()
        };
        (steps.iter().map(pass).collect(), stage.waiting())
    }

    #[test]
    fn a_record_waits_for_its_port() {
        use TcpState::{Close, Established, SynSent};
        let filter = Filter { local_ports: "4000".parse().unwrap(), ..Filter::default() };
        let begins = step(0, Close, SynSent);
        let opened = |port| step(port, SynSent, Established);
        assert_eq!(shown(&filter, None, &[begins.clone(), opened(4000)]), (vec![0, 2], 0));
        assert_eq!(shown(&filter, None, &[begins.clone(), opened(4001)]), (vec![0, 0], 0));
        // A socket that never gets one does not wait for ever.
        assert_eq!(shown(&filter, None, &[begins.clone(), step(0, SynSent, Close)]), (vec![0, 0], 0));
        assert_eq!(shown(&filter, Some(1), &[begins.clone(), opened(4000)]), (vec![0, 1], 0));
        // The record that brings the port is not wanted itself: no reason to drop the one that waits.
        let state = Filter { states: vec![Close], ..filter };
        assert_eq!(shown(&state, None, &[begins, opened(4000)]), (vec![0, 1], 0));
    }
}
