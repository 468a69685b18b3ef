//! Options of the trace itself.

use std::{ffi::OsString, time::Duration};

use clap::{Args, ValueEnum};

use super::{OutputArgs, SelectArgs, UserName, WatchArgs, values::bytes};
use crate::time::duration;

/// Options of the trace.
#[derive(Debug, Args)]
pub struct TraceArgs {
    /// What is written, and where.
    #[command(flatten)]
    pub output: OutputArgs,
    /// End after this time, like 30s or 5m
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub duration: Option<Duration>,
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
