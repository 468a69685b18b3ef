//! What a recording says about the diagram: how often each step was taken, and how long each state lasted.
//!
//! Reads of each line only what it needs, so that it understands recordings of other versions too.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    io::{self, BufRead},
};

use serde::Deserialize;

use crate::{record::Inference, tcp::TcpState};

/// Counts of steps and states.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    steps: BTreeMap<(TcpState, TcpState), u64>,
    visits: BTreeMap<TcpState, u64>,
    lasted: BTreeMap<TcpState, Vec<u64>>,
    /// Steps that must have happened, but were not seen.
    pub unseen: u64,
    /// Lines that could not be read.
    pub unreadable: u64,
}

/// How long a state lasted, nanoseconds, by nearest rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lasted {
    /// Half of the visits were not longer.
    pub median: u64,
    /// 99 of 100 were not longer.
    pub p99: u64,
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    from: Option<Cow<'a, str>>,
    to: Option<Cow<'a, str>>,
    state: Option<Cow<'a, str>>,
    evidence: Option<Cow<'a, str>>,
    in_from_ns: Option<u64>,
}

impl Observed {
    /// Reads JSON lines to their end.
    ///
    /// # Errors
    /// Only those of `input`; lines that make no sense are counted.
    pub fn read(input: impl BufRead) -> io::Result<Self> {
        let mut observed = Self::default();
        for line in input.split(b'\n') {
            let line = line?;
            if !line.trim_ascii().is_empty() && observed.add(&line).is_none() {
                observed.unreadable += 1;
            }
        }
        observed.lasted.values_mut().for_each(|all| all.sort_unstable());
        Ok(observed)
    }

    fn add(&mut self, line: &[u8]) -> Option<()> {
        let line: Line<'_> = serde_json::from_slice(line).ok()?;
        let state = |name: Option<Cow<'_, str>>| name?.parse::<TcpState>().ok().map(shown);
        match &*line.r#type {
            "transition" => {
                let (from, to) = (state(line.from)?, state(line.to)?);
                if line.evidence.as_deref() == Some(Inference::Continuity.name()) {
                    self.unseen += 1;
                } else if from != to {
                    *self.steps.entry((from, to)).or_default() += 1;
                }
                if from != to {
                    *self.visits.entry(to).or_default() += 1;
                    self.lasted.entry(from).or_default().extend(line.in_from_ns);
                }
            }
            // It was in that state already.
            "socket" => *self.visits.entry(state(line.state)?).or_default() += 1,
            // Other kinds of records say nothing about steps.
            _ => {}
        }
        Some(())
    }

    /// How often a step was taken.
    #[must_use]
    pub fn count(&self, from: TcpState, to: TcpState) -> u64 {
        self.steps.get(&(from, to)).copied().unwrap_or(0)
    }

    /// Every step that was taken, and how often.
    pub fn steps(&self) -> impl Iterator<Item = (TcpState, TcpState, u64)> {
        self.steps.iter().map(|((from, to), count)| (*from, *to, *count))
    }

    /// How many sockets came into a state, or were there before.
    #[must_use]
    pub fn visits(&self, state: TcpState) -> u64 {
        self.visits.get(&state).copied().unwrap_or(0)
    }

    /// How long it lasted; `None` if no visit was seen from its beginning to its end.
    #[must_use]
    pub fn lasted(&self, state: TcpState) -> Option<Lasted> {
        let all = self.lasted.get(&state)?;
        let rank = |percent: usize| all.get((all.len() * percent).div_ceil(100).checked_sub(1)?).copied();
        Some(Lasted { median: rank(50)?, p99: rank(99)? })
    }
}

/// A request socket is in `SYN_RECV`, as `ss` and the RFC have it.
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

    fn read(text: &str) -> Observed {
        Observed::read(text.as_bytes()).unwrap()
    }

    #[test]
    fn counts_steps_visits_and_what_it_cannot_read() {
        let observed = read(concat!(
            r#"{"v":1,"type":"start","new_field":[1]}"#,
            "\n\n",
            r#"{"type":"socket","state":"ESTABLISHED"}"#,
            "\r\n",
            r#"{"type":"transition","from":"SYN_SENT","to":"ESTABLISHED","in_from_ns":7}"#,
            "\n",
            r#"{"type":"transition","from":"SYN_SENT","to":"ESTABLISHED","in_from_ns":9}"#,
            "\n",
            r#"{"type":"transition","from":"ESTABLISHED","to":"FIN_WAIT1","evidence":"continuity"}"#,
            "\n",
            r#"{"type":"transition","from":"CLOSE","to":"NEW_SYN_RECV"}"#,
            "\n",
            r#"{"type":"transition","from":"NEW_SYN_RECV","to":"SYN_RECV"}"#,
            "\nnonsense\n",
            r#"{"type":"transition","from":"SYN_SENT","to":"NOWHERE"}"#,
            "\n",
            r#"{"type":"transition","from":"SYN_SE"#,
        ));
        assert_eq!(observed.count(SynSent, Established), 2);
        assert_eq!(observed.count(Established, FinWait1), 0);
        assert_eq!([Established, FinWait1, SynRecv].map(|state| observed.visits(state)), [3, 1, 1]);
        assert_eq!((observed.unseen, observed.unreadable), (1, 3));
        assert_eq!(observed.steps().count(), 2);
    }

    #[test]
    fn the_middle_and_the_end_of_what_lasted() {
        let line = |ns: u64| {
            format!(
                "{{\"type\":\"transition\",\"from\":\"SYN_SENT\",\"to\":\"CLOSE\",\"in_from_ns\":{ns}}}\n"
            )
        };
        let lasted = |all: &[u64]| read(&all.iter().map(|ns| line(*ns)).collect::<String>()).lasted(SynSent);
        assert_eq!(lasted(&[]), None);
        assert_eq!(lasted(&[5]), Some(Lasted { median: 5, p99: 5 }));
        assert_eq!(lasted(&[9, 1, 4]), Some(Lasted { median: 4, p99: 9 }));
        let hundred: Vec<_> = (1..=200).rev().collect();
        assert_eq!(lasted(&hundred), Some(Lasted { median: 100, p99: 198 }));
    }
}
