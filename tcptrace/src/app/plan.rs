//! What a trace is going to do: its command line, looked up and checked, before anything is attached or opened.

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
    pipeline::Condition,
    probe::{Choice, Extra, Settings},
    stuck::Limits,
};

/// A trace that has yet to begin.
pub(super) struct Plan {
    pub(super) filter: Filter,
    pub(super) settings: Settings,
    pub(super) outputs: Vec<OutputSpec>,
    pub(super) output: OutputArgs,
    pub(super) duration: Option<Duration>,
    /// How long sockets may stay in a state, if that is to be reported.
    pub(super) limits: Option<Limits>,
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
        let limits = args.watch.limits();
        let mut filter = resolve(Selection::from(args.select))?;
        let user = args.user.as_ref().map(account_of).transpose()?;
        // Before there is a file or a thread: it may come to nothing, and the new process should have little of ours.
        let command = (!args.command.is_empty()).then(|| Command::hold(&args.command)).transpose()?;
        if let Some(command) = &command {
            filter.pids = vec![command.pid];
        }
        filter.children = args.children || command.is_some();
        let (kernel_filter, ports) = filter.for_kernel();
        let settings = Settings {
            choice: args.probe.into(),
            buffer: args.buffer,
            filter: kernel_filter,
            ports,
            extras: Extra::USUAL
                .into_iter()
                .chain(filter.children.then_some(Extra::Forks))
                .chain(args.accepts.then_some(Extra::AcceptCalls))
                .collect(),
            messages: args.verbose > 0,
        };
        Ok(Self {
            has_descendants: filter.children && command.is_none(),
            filter,
            settings,
            outputs,
            duration: args.duration,
            limits,
            conditions: args.watch.conditions(),
            output: args.output,
            command,
            user,
        })
    }

    /// What SIGHUP asks for.
    pub(super) fn hangup(&self) -> Hangup {
        Hangup::of(self.writes_to_file())
    }

    /// What the trace goes on as once everything is attached.
    pub(super) fn confinement(&self) -> Confinement {
        Confinement { user: self.user, reopens: self.writes_to_file() }
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

impl From<cli::Probe> for Choice {
    fn from(probe: cli::Probe) -> Self {
        match probe {
            cli::Probe::Auto => Self::Auto,
            cli::Probe::Btf => Self::Btf,
            cli::Probe::Tracepoint => Self::Tracepoint,
        }
    }
}
