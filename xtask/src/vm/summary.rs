//! The results of the tests in a guest, from what it printed.

use super::guest::MARK;
use std::{collections::BTreeMap, fmt, time::Duration};

/// Result of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    Passed,
    Failed,
    Skipped(String),
    /// The guest or the file of tests ended before it.
    Missing,
}

/// Results of all tests.
pub struct Summary {
    /// Result of every test that was planned, by `file::name`.
    outcomes: BTreeMap<String, Outcome>,
    /// Output of `tcptrace doctor` on this kernel.
    hooks: Vec<String>,
    /// Files of tests that ended with an error, with their exit status.
    broken: Vec<String>,
    took: Duration,
    /// Whether the plan was carried out to its end.
    pub is_complete: bool,
    /// Filled where something is to be explained.
    pub kernel_log: String,
}

/// Reads lines as they come.
pub struct Reader {
    summary: Summary,
    section: String,
}

impl Reader {
    pub fn new(planned: Vec<String>) -> Self {
        let outcomes = planned.into_iter().map(|test| (test, Outcome::Missing)).collect();
        let summary = Summary {
            outcomes,
            hooks: Vec::new(),
            broken: Vec::new(),
            took: Duration::ZERO,
            is_complete: false,
            kernel_log: String::new(),
        };
        Self { summary, section: String::new() }
    }

    pub fn line(&mut self, line: &str) {
        let Some(about) = line.strip_prefix(MARK) else {
            return self.said(line);
        };
        match about.split_once(' ') {
            Some(("begin", section)) => section.clone_into(&mut self.section),
            Some(("skip", skip)) => {
                let (test, reason) = skip.split_once(": ").unwrap_or((skip, "no reason given"));
                // A test that says why it did nothing passes; one that fails nevertheless has failed.
                self.came_of(test, Outcome::Skipped(reason.to_owned()));
            }
            Some(("end", end)) if !end.ends_with(" 0") => self.summary.broken.push(end.to_owned()),
            _ if about == "done" => self.summary.is_complete = true,
            _ => {}
        }
    }

    /// Output of a program of the plan.
    fn said(&mut self, line: &str) {
        if self.section == "doctor" {
            return self.summary.hooks.push(line.to_owned());
        }
        let Some((test, outcome)) = line.strip_prefix("test ").and_then(|rest| rest.rsplit_once(" ... "))
        else {
            return;
        };
        match outcome {
            "ok" => self.came_of(test, Outcome::Passed),
            "FAILED" => self.came_of(test, Outcome::Failed),
            other => self.came_of(test, Outcome::Skipped(other.to_owned())),
        }
    }

    fn came_of(&mut self, test: &str, outcome: Outcome) {
        let name = format!("{}::{test}", self.section);
        if let Some(known) = self.summary.outcomes.get_mut(&name).filter(|known| **known != Outcome::Failed) {
            *known = outcome;
        }
    }

    pub fn finish(self, took: Duration) -> Summary {
        Summary { took, ..self.summary }
    }
}

impl Summary {
    /// Whether every test that was planned passed or said why not.
    pub fn is_good(&self) -> bool {
        let bad = |outcome: &Outcome| matches!(outcome, Outcome::Failed | Outcome::Missing);
        self.is_complete && self.broken.is_empty() && !self.outcomes.values().any(bad)
    }

    fn count(&self, which: impl Fn(&Outcome) -> bool) -> usize {
        self.outcomes.values().filter(|outcome| which(outcome)).count()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.hooks {
            writeln!(f, "{}", line.escape_debug())?;
        }
        for line in self.kernel_log.lines() {
            writeln!(f, "kernel: {}", line.escape_debug())?;
        }
        for (test, outcome) in &self.outcomes {
            match outcome {
                Outcome::Passed => {}
                Outcome::Failed => writeln!(f, "FAIL {test}")?,
                Outcome::Missing => writeln!(f, "GONE {test}: it did not come to an end")?,
                Outcome::Skipped(reason) => writeln!(f, "SKIP {test}: {}", reason.escape_debug())?,
            }
        }
        for end in &self.broken {
            writeln!(f, "exit status of {end}")?;
        }
        write!(
            f,
            "{} passed, {} failed, {} skipped, {} without an end; {} s",
            self.count(|outcome| *outcome == Outcome::Passed),
            self.count(|outcome| *outcome == Outcome::Failed),
            self.count(|outcome| matches!(outcome, Outcome::Skipped(_))),
            self.count(|outcome| *outcome == Outcome::Missing),
            self.took.as_secs()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &str) -> Summary {
        let planned = ["kernel_a::one", "kernel_a::two", "kernel_b::one"].map(String::from);
        let mut reader = Reader::new(planned.to_vec());
        lines.lines().for_each(|line| reader.line(line));
        reader.finish(Duration::from_secs(7))
    }

    const ALL: &str = "\
@vm begin doctor
  ok  tp_btf hook  attaches
@vm end doctor 0
@vm begin kernel_a
running 2 tests
test one ... ok
test two ... ok
@vm skip two: no veth
@vm end kernel_a 0
@vm begin kernel_b
test one ... ok
@vm end kernel_b 0
@vm done";

    #[test]
    fn all_is_well_when_every_test_passed_or_said_why_not() {
        let summary = read(ALL);
        assert!(summary.is_good());
        assert_eq!(
            summary.to_string(),
            "  ok  tp_btf hook  attaches\nSKIP kernel_a::two: no veth\n2 passed, 0 failed, 1 skipped, 0 without an end; 7 s"
        );
    }

    #[test]
    fn a_failure_counts_although_it_was_said_to_be_skipped() {
        let summary = read(&ALL.replace("test two ... ok", "test two ... FAILED"));
        assert!(!summary.is_good());
        assert!(summary.to_string().contains("FAIL kernel_a::two"), "{summary}");
    }

    #[test]
    fn a_test_that_never_ended_is_not_forgotten() {
        let (before, _) = ALL.split_once("@vm begin kernel_b").unwrap();
        let summary = read(before);
        assert!(!summary.is_good());
        assert!(summary.to_string().contains("GONE kernel_b::one"), "{summary}");
        assert!(!read(ALL.trim_end_matches("@vm done")).is_good());
    }

    #[test]
    fn a_program_that_fails_without_a_failed_test_is_a_failure() {
        let summary = read(&ALL.replace("@vm end kernel_b 0", "@vm end kernel_b 139"));
        assert!(!summary.is_good());
        assert!(summary.to_string().contains("exit status of kernel_b 139"), "{summary}");
    }
}
