//! Options about what is amiss: sockets that are stuck, and conditions that make a command fail.

use std::str::FromStr;

use clap::{Args, ValueEnum};

use crate::{pipeline, stuck::Limits};

/// What to look for in what is told.
#[derive(Debug, Args)]
pub struct WatchArgs {
    /// Tell of sockets that stay in a state that should pass: for this long, like 30s or CLOSE_WAIT=30s,FIN_WAIT2=2m;
    /// without a value for 5 s to 2 min, by state
    #[arg(long, value_name = "TIME|STATE=TIME,…", num_args = 0..=1, default_missing_value = "")]
    pub stuck: Option<Stuck>,
    /// Exit with 4 if one of these was seen; `stuck` turns --stuck on
    #[arg(long, value_name = "WHAT,…", value_enum, value_delimiter = ',')]
    pub fail_on: Vec<Condition>,
}

/// What can make a command fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Condition {
    /// A socket stayed too long in a state
    Stuck,
    /// A connection ended with a RST
    Reset,
    /// A step was told that Linux never takes
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

/// Limits, or nothing for the usual ones.
#[derive(Clone, Debug)]
pub struct Stuck(pub Limits);

impl FromStr for Stuck {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() { Ok(Self(Limits::default())) } else { text.parse().map(Self) }
    }
}

impl WatchArgs {
    /// How long sockets may stay in which state, if that is to be told.
    #[must_use]
    pub fn limits(&self) -> Option<Limits> {
        let implied = || self.fail_on.contains(&Condition::Stuck).then(Limits::default);
        self.stuck.as_ref().map(|stuck| stuck.0.clone()).or_else(implied)
    }

    /// The conditions that make the command fail.
    #[must_use]
    pub fn conditions(&self) -> Vec<pipeline::Condition> {
        self.fail_on.iter().copied().map(Into::into).collect()
    }
}
