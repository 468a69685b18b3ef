//! Plan of a trace: its command line, looked up and checked, before anything is attached or opened.

use std::time::Duration;

use anyhow::{Context as _, anyhow};
use rustix::process::{Gid, Uid};

use super::{
    Failure,
    command::Command,
    names::{account_of, resolve},
    signals::Hangup,
};
use crate::{
    cli::{self, OutputArgs, OutputSpec, Selection, TraceArgs},
    confine::Confinement,
    filter::Filter,
    live::has_own_pids,
    pipeline::Condition,
    probe::Choice,
    trace::Builder,
};

/// A trace that has yet to begin.
pub(super) struct Plan {
    pub(super) trace: Builder,
    pub(super) outputs: Vec<OutputSpec>,
    pub(super) output: OutputArgs,
    pub(super) duration: Option<Duration>,
    pub(super) conditions: Vec<Condition>,
    /// Whether the descendants of the processes that were asked for are known from `/proc`: those of a command are yet to come.
    pub(super) has_descendants: bool,
    pub(super) command: Option<Command>,
    user: Option<(Uid, Gid)>,
}

impl Plan {
    /// The plan of a command line. With a command its process is there already, and waits.
    pub(super) fn new(args: TraceArgs) -> Result<Self, Failure> {
        let outputs = args.output.outputs().map_err(|error| Failure::usage(anyhow!(error)))?;
        check_pids(&args)?;
        let mut filter = resolve(Selection::from(args.select.clone()))?;
        let user = args.user.as_ref().map(account_of).transpose()?;
        // Before there is a file or a thread: it may come to nothing, and the new process should have little of ours.
        let command = (!args.command.is_empty()).then(|| Command::hold(&args.command)).transpose()?;
        if let Some(command) = &command {
            filter.pids = vec![command.pid];
        }
        filter.children = args.children || command.is_some();
        Ok(Self {
            has_descendants: filter.children && command.is_none(),
            trace: builder(filter, &args),
            outputs,
            duration: args.duration,
            conditions: args.watch.conditions(),
            output: args.output,
            command,
            user,
        })
    }

    /// Effect of SIGHUP on this trace.
    pub(super) fn hangup(&self) -> Hangup {
        Hangup::of(self.writes_to_file())
    }

    /// User and privileges with which the trace goes on once everything is attached.
    pub(super) fn confinement(&self) -> Confinement {
        Confinement {
            user: self.user,
            writes_file: self.writes_to_file(),
            has_command: self.command.is_some(),
        }
    }

    /// The command's process, to be watched.
    pub(super) fn command_handle(&self) -> anyhow::Result<Option<std::os::fd::OwnedFd>> {
        let handle = self.command.as_ref().map(|command| command.handle.try_clone()).transpose();
        handle.context("watch the command")
    }

    fn writes_to_file(&self) -> bool {
        self.outputs.iter().any(|output| output.path.is_some())
    }
}

/// Refuses to look for process ids that events do not have; where none is asked for, says whose they are.
fn check_pids(args: &TraceArgs) -> Result<(), Failure> {
    if !has_own_pids() {
        return Ok(());
    }
    if args.select.pid.is_empty() && args.command.is_empty() {
        log::warn!(
            "process ids are the host's: {OWN_PIDS}; the owners of sockets that already exist are not known"
        );
        return Ok(());
    }
    Err(Failure::cannot_trace(anyhow!(
        "--pid and -- COMMAND go by the host's process ids: {OWN_PIDS}; run tcptrace in the host's (docker run --pid=host, \
         hostPID: true), or select by --comm, --port or --container"
    )))
}

/// Reason why process ids here are others than those of events.
const OWN_PIDS: &str = "this is a pid namespace of its own";

/// The trace that the command line asks for, of what `filter` lets through.
fn builder(filter: Filter, args: &TraceArgs) -> Builder {
    let mut builder = Builder::default().filter(filter).hook(args.probe.into()).buffer(args.buffer);
    builder.stuck = args.watch.limits();
    if args.accepts {
        builder = builder.accept_calls();
    }
    if args.verbose > 0 {
        builder = builder.messages();
    }
    builder
}

impl From<cli::Probe> for Choice {
    fn from(probe: cli::Probe) -> Self {
        match probe {
            cli::Probe::Auto => Self::Auto,
            cli::Probe::Btf => Self::Btf,
            cli::Probe::Tracepoint => Self::Tracepoint,
        }
    }
}
