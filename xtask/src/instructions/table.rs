//! The committed table, and what is to be said of new counts.

use std::{fmt, str::FromStr};

use anyhow::{Context, Result};

/// Percent that a stage may differ. The counts of one binary do by up to three: each run seeds its hashes anew.
pub(super) const TOLERANCE: u64 = 10;

/// Instructions for each stage.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Table {
    /// Compiler and C library whose work was counted.
    pub(super) of: String,
    /// In the order of the way.
    pub(super) stages: Vec<(String, u64)>,
}

/// A stage then and now.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Change {
    stage: String,
    then: Option<u64>,
    now: u64,
}

/// Verdict on a change of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    New,
    Less,
    Same,
    More,
}

impl Table {
    /// Change of each stage.
    pub(super) fn compare(&self, now: &Self) -> Vec<Change> {
        let change = |(stage, now): &(String, u64)| {
            let then = self.stages.iter().find(|(name, _)| name == stage).map(|(_, count)| *count);
            Change { stage: stage.clone(), then, now: *now }
        };
        now.stages.iter().map(change).collect()
    }
}

impl Change {
    pub(super) fn verdict(&self) -> Verdict {
        match self.then {
            None => Verdict::New,
            Some(then) if self.now * 100 > then * (100 + TOLERANCE) => Verdict::More,
            Some(then) if self.now * 100 < then * (100 - TOLERANCE) => Verdict::Less,
            Some(_) => Verdict::Same,
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stage, then, now } = self;
        write!(f, "{stage:<8} {now:>7} instructions for a state change")?;
        let Some(then) = then else { return write!(f, ", not in the table") };
        let percent = (*now as f64 / (*then).max(1) as f64 - 1.0) * 100.0;
        write!(f, ", {then} in the table: {percent:+.1} %")?;
        match self.verdict() {
            Verdict::More => write!(f, ", MORE than {TOLERANCE} % more"),
            Verdict::Less => write!(f, ", more than {TOLERANCE} % less"),
            Verdict::New | Verdict::Same => Ok(()),
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "# Instructions of user space for a state change; `cargo xtask instructions` compares, with --renew it"
        )?;
        writeln!(
            f,
            "# writes this. Each line without what comes before it on the way; json, text and ladder follow track."
        )?;
        writeln!(f, "of {}", self.of)?;
        self.stages.iter().try_for_each(|(stage, count)| writeln!(f, "{stage} {count}"))
    }
}

impl FromStr for Table {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut lines = text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| line.split_once(' ').with_context(|| format!("{line:?} is no name and a value")));
        let (_, of) = lines.next().context("it is empty")??;
        let count = |line: Result<(&str, &str)>| {
            let (stage, count) = line?;
            let count = count.parse().with_context(|| format!("{count:?} is no number"))?;
            Ok((stage.to_owned(), count))
        };
        Ok(Self { of: of.to_owned(), stages: lines.map(count).collect::<Result<_>>()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(stages: &[(&str, u64)]) -> Table {
        let stages = stages.iter().map(|(stage, count)| ((*stage).to_owned(), *count)).collect();
        Table { of: "rustc 1.95.0, x86_64, glibc 2.36".to_owned(), stages }
    }

    #[test]
    fn what_is_written_is_read() {
        let table = table(&[("decode", 150), ("json", 5_000)]);
        assert_eq!(table.to_string().parse::<Table>().unwrap(), table);
        assert!("".parse::<Table>().is_err());
        assert!("of this\njson many".parse::<Table>().is_err());
    }

    #[test]
    fn a_tenth_is_allowed_and_what_is_beyond_is_told() {
        let then = table(&[("decode", 1_000)]);
        let now = |count| then.compare(&table(&[("decode", count)])).remove(0);
        for (count, verdict) in
            [(899, Verdict::Less), (900, Verdict::Same), (1_100, Verdict::Same), (1_101, Verdict::More)]
        {
            assert_eq!(now(count).verdict(), verdict);
        }
        assert_eq!(
            now(1_234).to_string(),
            "decode      1234 instructions for a state change, 1000 in the table: +23.4 %, MORE than 10 % more"
        );
        assert_eq!(then.compare(&table(&[("json", 1)])).remove(0).verdict(), Verdict::New);
    }
}
