//! Options of `tcptrace` without a subcommand: the trace.

use std::{ffi::OsString, time::Duration};

use clap::{Args, ValueEnum};

use super::{OutputArgs, STOP, SelectArgs, UserName, WatchArgs, select::FILTERS, values::bytes};
use crate::time::duration;

/// Heading of the options about privileges and what runs in the kernel.
const KERNEL: &str = "Kernel and privileges";

/// Place of `--children` in the help: right after `--pid`, the fifth filter.
const AFTER_PID: usize = 5;

/// Options of a trace.
#[derive(Debug, Args)]
pub struct TraceArgs {
    /// Filters.
    #[command(flatten)]
    pub select: SelectArgs,
    /// Match the descendants of --pid too, including those yet to come
    #[arg(long, requires = "pid", help_heading = FILTERS, display_order = AFTER_PID)]
    pub children: bool,
    /// Outputs.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Stop after this time, like 30s or 5m
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = STOP)]
    pub duration: Option<Duration>,
    /// Checks.
    #[command(flatten)]
    pub watch: WatchArgs,
    /// See who accepts connections even without fexit; slows all system calls a little
    ///
    /// A kernel that allows fexit shows this anyway (`tcptrace doctor` says whether it does). On others this option
    /// attaches to the tracepoints of accept() and accept4(), which makes every system call on the host a little slower.
    #[arg(long, help_heading = KERNEL)]
    pub accepts: bool,
    /// Use this kernel hook
    #[arg(long, value_name = "HOOK", value_enum, default_value_t, help_heading = KERNEL)]
    pub probe: Probe,
    /// Set the size of the kernel buffer for events, from 4K to 1024M
    #[arg(long, help_heading = KERNEL, value_name = "SIZE", default_value = "4M", value_parser = bytes)]
    pub buffer: u32,
    /// Switch to this user (name or number) once everything is attached
    #[arg(long, help_heading = KERNEL, value_name = "USER")]
    pub user: Option<UserName>,
    /// Print more to standard error; -vv for details
    #[arg(short, long, help_heading = None::<&'static str>, action = clap::ArgAction::Count, global = true)]
    pub verbose: u8,
    /// Trace this command and its descendants until it ends, and exit with its status
    #[arg(last = true, value_name = "COMMAND", conflicts_with = "pid", help_heading = None::<&'static str>)]
    pub command: Vec<OsString>,
}

/// Kernel hooks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Probe {
    /// The best one that works
    #[default]
    Auto,
    /// tp_btf; needs a kernel with BTF
    Btf,
    /// The classic tracepoint; needs tracefs
    Tracepoint,
}
