//! Options of the trace itself.

use std::{ffi::OsString, path::PathBuf, str::FromStr, time::Duration};

use clap::{Args, ColorChoice, ValueEnum};

use super::{SelectArgs, UserName, WatchArgs, values::bytes};
use crate::{connection::Keep, probe::Choice, time::duration};

/// Options of the trace.
#[derive(Debug, Args)]
pub struct TraceArgs {
    /// How to write what is seen
    #[arg(short, long, value_enum, default_value_t)]
    pub format: Format,
    /// Write to a file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// End after this time, like 30s or 5m
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub duration: Option<Duration>,
    /// End after this many changes were shown
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// Connections in the closing report of the text format: all, none, or the latest N
    #[arg(long, value_name = "all|N|none", default_value = "20")]
    pub report: Report,
    /// Colours: on a terminal unless NO_COLOR is set, always, or never
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub color: ColorChoice,
    /// What to look for in what is told.
    #[command(flatten)]
    pub watch: WatchArgs,
    /// See who accepts each connection, before it acts on it, also where the kernel does not allow it without cost (see
    /// doctor): then it slows every system call of the host a little
    #[arg(long)]
    pub accepts: bool,
    /// Hook in the kernel
    #[arg(long, value_enum, default_value_t)]
    pub probe: Probe,
    /// Size of the buffer between kernel and user space
    #[arg(long, value_name = "SIZE", default_value = "4M", value_parser = bytes)]
    pub buffer: u32,
    /// Once everything is attached, go on as this user, by name or number
    #[arg(long, value_name = "USER")]
    pub user: Option<UserName>,
    /// Say more on standard error; twice for the details
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub verbose: u8,
    /// With --pid: their descendants too, also those that are made later
    #[arg(long, requires = "pid")]
    pub children: bool,
    /// Trace this command and its descendants, until it ends, and exit as it does
    #[arg(last = true, value_name = "COMMAND", conflicts_with = "pid")]
    pub command: Vec<OsString>,
    // Last, because its heading would go on over what follows.
    /// Which sockets.
    #[command(flatten)]
    pub select: SelectArgs,
}

/// Formats of the trace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A timeline for people, with a report at the end
    #[default]
    Text,
    /// JSON lines for pipelines
    Json,
    /// Each connection as a ladder, its segments between its two ends, when it is over
    Ladder,
    /// The same as Mermaid sequence diagrams, in Markdown
    Mermaid,
}

/// Hooks by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Probe {
    /// The best that works
    #[default]
    Auto,
    /// tp_btf: needs a kernel with BTF
    Btf,
    /// The classic tracepoint: needs tracefs
    Tracepoint,
}

impl From<Probe> for Choice {
    fn from(probe: Probe) -> Self {
        match probe {
            Probe::Auto => Self::Auto,
            Probe::Btf => Self::Btf,
            Probe::Tracepoint => Self::Tracepoint,
        }
    }
}

/// How much report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report(pub Keep);

impl FromStr for Report {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "all" => Ok(Self(Keep::All)),
            "none" | "0" => Ok(Self(Keep::None)),
            _ => text
                .parse()
                .map(|most| Self(Keep::Latest(most)))
                .map_err(|_| format!("{text:?} is none of all, none, or a number")),
        }
    }
}
