//! Checks: sockets that are stuck, and conditions that make the exit code 4.

use std::str::FromStr;

use clap::{Args, ValueEnum};

use crate::{pipeline, stuck::Limits};

/// Checks.
#[derive(Debug, Args)]
#[command(next_help_heading = "Checks")]
pub struct WatchArgs {
    /// Report sockets that stay too long in a transient state
    ///
    /// LIMITS is a time for all of these states (30s), times by state (CLOSE_WAIT=30s,FIN_WAIT2=2m), or both. Without it
    /// the limits are 5 s to 2 min, depending on the state.
    #[arg(long, value_name = "LIMITS", num_args = 0..=1, default_missing_value = "")]
    pub stuck: Option<Stuck>,
    /// Exit with code 4 if one of these occurs; stuck turns on --stuck
    #[arg(long, value_name = "CONDITION", value_enum, value_delimiter = ',')]
    pub fail_on: Vec<Condition>,
}

/// Conditions that make the exit code 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Condition {
    /// A socket stayed too long in a transient state
    Stuck,
    /// A connection ended with a RST
    Reset,
    /// An impossible transition was reported
    Illegal,
    /// Events were lost
    Lost,
}

impl From<Condition> for pipeline::Condition {
    fn from(condition: Condition) -> Self {
        match condition {
            Condition::Stuck => Self::Stuck,
            Condition::Reset => Self::Reset,
            Condition::Illegal => Self::Illegal,
            Condition::Lost => Self::Lost,
        }
    }
}

/// Limits of `--stuck`; the default ones for an empty text.
#[derive(Clone, Debug)]
pub struct Stuck(pub Limits);

impl FromStr for Stuck {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() { Ok(Self(Limits::default())) } else { text.parse().map(Self) }
    }
}

impl WatchArgs {
    /// Limits by state; `None` if stuck sockets are not reported.
    #[must_use]
    pub fn limits(&self) -> Option<Limits> {
        let implied = || self.fail_on.contains(&Condition::Stuck).then(Limits::default);
        self.stuck.as_ref().map(|stuck| stuck.0.clone()).or_else(implied)
    }

    /// Conditions that make the exit code 4.
    #[must_use]
    pub fn conditions(&self) -> Vec<pipeline::Condition> {
        self.fail_on.iter().copied().map(Into::into).collect()
    }
}
