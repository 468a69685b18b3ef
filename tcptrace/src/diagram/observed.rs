//! Observations of a recording on the diagram: how often each step was taken, and how long each state lasted.

use std::{
    collections::BTreeMap,
    io::{self, BufRead},
};

use crate::{
    record::Record,
    recording::{Item, Reader, SkippedReport},
    tcp::TcpState,
};

/// Counts of steps and states.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    steps: BTreeMap<(TcpState, TcpState), u64>,
    visits: BTreeMap<TcpState, u64>,
    lasted: BTreeMap<TcpState, Vec<u64>>,
    /// Steps that must have happened, but were not seen.
    pub unseen: u64,
    /// Number of records in the recording.
    pub records: u64,
    /// Whether there was nothing to read at all.
    pub is_empty: bool,
    /// Lines of the recording that were left out.
    pub skipped: SkippedReport,
}

/// Durations of a state, nanoseconds, by nearest rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lasted {
    /// Duration that half of the visits did not exceed.
    pub median: u64,
    /// Duration that 99 of 100 visits did not exceed.
    pub p99: u64,
}

impl Observed {
    /// Reads a recording to its end.
    ///
    /// # Errors
    /// Only those of `input`; what makes no sense is left out and counted.
    pub fn read(input: impl BufRead) -> io::Result<Self> {
        let mut observed = Self::default();
        let mut reader = Reader::new(input);
        for item in &mut reader {
            if let Item::Record(record) = item? {
                observed.records += 1;
                observed.add(&record);
            }
        }
        observed.is_empty = reader.is_empty;
        observed.skipped = reader.skipped;
        observed.lasted.values_mut().for_each(|all| all.sort_unstable());
        Ok(observed)
    }

    fn add(&mut self, record: &Record) {
        match record {
            Record::Transition(step) => {
                let (from, to) = (shown(step.from), shown(step.to));
                if step.context.is_some_and(|context| context.is_gap_after(step.from)) {
                    self.unseen += 1;
                } else if from != to {
                    *self.steps.entry((from, to)).or_default() += 1;
                }
                if from != to {
                    *self.visits.entry(to).or_default() += 1;
                    self.lasted.entry(from).or_default().extend(step.in_from_ns);
                }
            }
            // It was in that state already.
            Record::Existing(found) => *self.visits.entry(shown(found.state)).or_default() += 1,
            // Other kinds of records say nothing about steps.
            _ => {}
        }
    }

    /// Number of times that a step was taken.
    #[must_use]
    pub fn count(&self, from: TcpState, to: TcpState) -> u64 {
        self.steps.get(&(from, to)).copied().unwrap_or(0)
    }

    /// Every step that was taken, and how often.
    pub fn steps(&self) -> impl Iterator<Item = (TcpState, TcpState, u64)> {
        self.steps.iter().map(|((from, to), count)| (*from, *to, *count))
    }

    /// Number of sockets that came into a state, or were in it before.
    #[must_use]
    pub fn visits(&self, state: TcpState) -> u64 {
        self.visits.get(&state).copied().unwrap_or(0)
    }

    /// Durations of a state; `None` if no visit was seen from its beginning to its end.
    #[must_use]
    pub fn lasted(&self, state: TcpState) -> Option<Lasted> {
        let all = self.lasted.get(&state)?;
        let rank = |percent: usize| all.get((all.len() * percent).div_ceil(100).checked_sub(1)?).copied();
        Some(Lasted { median: rank(50)?, p99: rank(99)? })
    }
}

/// The state as `ss` and the RFC have it: a request socket is in `SYN_RECV`.
const fn shown(state: TcpState) -> TcpState {
    match state {
        TcpState::NewSynRecv => TcpState::SynRecv,
        state => state,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use TcpState::{Established, FinWait1, SynRecv, SynSent};

    /// A line with what every record has, around what a test is about.
    fn line(kind: &str, rest: &str) -> String {
        format!(
            r#"{{"v":1,"type":"{kind}","time":"2026-11-22T10:00:00Z","mono_ns":1,"socket":"1","local":{{"address":"::1"}},{rest}}}"#
        ) + "\n"
    }

    fn step(from: &str, to: &str, more: &str) -> String {
        line("transition", &format!(r#""from":"{from}","to":"{to}"{more}"#))
    }

    fn read(text: &str) -> Observed {
        Observed::read(text.as_bytes()).unwrap()
    }

    #[test]
    fn counts_steps_visits_and_what_it_cannot_read() {
        let whole = step("SYN_SENT", "ESTABLISHED", "");
        let observed = read(
            &[
                line("start", r#""new_field":[1]"#),
                "\n".to_owned(),
                line("socket", r#""state":"ESTABLISHED""#).replace('\n', "\r\n"),
                step("SYN_SENT", "ESTABLISHED", r#","in_from_ns":7"#),
                step("SYN_SENT", "ESTABLISHED", r#","in_from_ns":9"#),
                step("ESTABLISHED", "FIN_WAIT1", r#","context":"inferred","evidence":"continuity""#),
                step("CLOSE", "NEW_SYN_RECV", ""),
                step("NEW_SYN_RECV", "SYN_RECV", ""),
                "nonsense\n".to_owned(),
                step("SYN_SENT", "NOWHERE", ""),
                whole[..whole.len() / 2].to_owned(),
            ]
            .concat(),
        );
        assert_eq!(observed.count(SynSent, Established), 2);
        assert_eq!(observed.count(Established, FinWait1), 0);
        assert_eq!([Established, FinWait1, SynRecv].map(|state| observed.visits(state)), [3, 1, 1]);
        assert_eq!((observed.records, observed.unseen, observed.skipped.lines), (7, 1, 3));
        assert_eq!(observed.steps().count(), 2);
    }

    #[test]
    fn what_is_no_recording_has_no_records() {
        for text in ["", "\n", "root:x:0:0:root:/root:/bin/bash\n", "{}\n"] {
            assert_eq!(read(text).records, 0, "{text}");
        }
        assert_eq!(read(&step("SYN_SENT", "ESTABLISHED", "")).records, 1);
    }

    #[test]
    fn the_middle_and_the_end_of_what_lasted() {
        let line = |ns: u64| step("SYN_SENT", "CLOSE", &format!(",\"in_from_ns\":{ns}"));
        let lasted = |all: &[u64]| read(&all.iter().map(|ns| line(*ns)).collect::<String>()).lasted(SynSent);
        assert_eq!(lasted(&[]), None);
        assert_eq!(lasted(&[5]), Some(Lasted { median: 5, p99: 5 }));
        assert_eq!(lasted(&[9, 1, 4]), Some(Lasted { median: 4, p99: 9 }));
        let hundred: Vec<_> = (1..=200).rev().collect();
        assert_eq!(lasted(&hundred), Some(Lasted { median: 100, p99: 198 }));
    }
}
