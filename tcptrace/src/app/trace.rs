//! `tcptrace`: the trace itself, from the command line to the closing report.

use std::{io::Write as _, process::ExitCode};

use anyhow::Context as _;

use super::{
    Failure,
    emission::Emission,
    plan::Plan,
    running::{Running, Stop},
    runtime::runtime,
    signals::{Signals, survive_file_limit},
};
use crate::{
    cli::TraceArgs, confine::confine, escape::Escaped, live::Destination as _, memory::limit_allocator,
};

/// Runs a trace until a signal, the time, the count or its command ends it.
pub(super) fn run(args: TraceArgs) -> Result<ExitCode, Failure> {
    limit_allocator();
    let mut plan = Plan::new(args)?;
    // Both before the process is confined: they open more than is allowed then.
    let (own, of_signals) =
        (runtime().context("start the runtime")?, runtime().context("start the runtime")?);
    survive_file_limit();
    let hangup = plan.hangup();
    hangup.keep_until_listening();
    let inside = own.enter();
    let mut running = attach(&plan)?;
    give_up_privileges(&plan)?;
    let mut signals = Signals::listen(of_signals, plan.command_handle()?, hangup)?;
    drop(inside);
    own.block_on(async {
        let ended = trace(&mut running, &mut plan, &mut signals).await;
        // A reader who has gone does not ask for more.
        if !ended.as_ref().is_err_and(Failure::is_closed_pipe) {
            running.report_missing();
        }
        close(&running.emission, plan, ended?).await
    })
}

/// Attaches to the kernel, and then opens the outputs: what their files held must survive a trace that cannot begin.
fn attach(plan: &Plan) -> Result<Running, Failure> {
    let live = plan.trace.attach_live().map_err(Failure::cannot_trace)?;
    let emission = Emission::open(plan.trace.filter.clone(), &plan.outputs, &plan.output)?;
    Ok(Running::new(live, emission))
}

/// Confines the process, before it has a second thread and before it reads anything that others have written.
fn give_up_privileges(plan: &Plan) -> Result<(), Failure> {
    let confinement = plan.confinement();
    match confine(confinement).context("give up privileges") {
        Err(error) if confinement.user.is_some() => Err(Failure::cannot_trace(error)),
        Err(error) => {
            log::warn!("continuing with more privileges than necessary: {error:#}");
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// Traces from the first record to the end of every output.
async fn trace(running: &mut Running, plan: &mut Plan, signals: &mut Signals) -> Result<Stop, Failure> {
    begin(running, plan)?;
    running.emit_existing(signals).await?;
    if let Some(command) = &mut plan.command {
        command.release();
    }
    let stop = running.run(signals, plan.duration, plan.command.as_mut()).await?;
    running.finish(&stop)?;
    Ok(stop)
}

/// Writes the first record, and says on a terminal what is traced.
fn begin(running: &mut Running, plan: &Plan) -> Result<(), Failure> {
    let what = plan.trace.filter.describe();
    let start = running.live.start(what.clone());
    running.emission.hand_on(&mut vec![start])?;
    if plan.command.is_none() && running.emission.outputs.is_interactive() {
        let what = if what.is_empty() { "every TCP socket" } else { &what };
        print_note(&format!("tracing {what}; Ctrl+C ends it"));
    }
    if plan.trace.filter.children {
        running.live.track(&plan.trace.filter.pids, plan.has_descendants);
    }
    Ok(())
}

/// The exit code: of what went wrong, of a condition that was met, or else of the command.
async fn close(emission: &Emission, plan: Plan, stop: Stop) -> Result<ExitCode, Failure> {
    let failure = emission.failure(&plan.conditions);
    let Some(mut command) = plan.command else { return failure.map_or(Ok(ExitCode::SUCCESS), Err) };
    let outcome = match stop {
        Stop::Command(outcome) => outcome,
        // The trace is over; the command need not be.
        Stop::Signal | Stop::Time | Stop::Count => command.ended().await,
    };
    let code = command.code(outcome).map(ExitCode::from)?;
    failure.map_or(Ok(code), Err)
}

/// A line on standard error that is no warning.
fn print_note(text: &str) {
    let _ = writeln!(std::io::stderr(), "tcptrace: {}", Escaped(text.as_bytes()));
}
