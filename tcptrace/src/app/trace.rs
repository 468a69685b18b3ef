//! `tcptrace`: the trace itself, from the command line to the closing report.

use std::{io::Write as _, process::ExitCode};

use anyhow::Context as _;

use super::{
    Failure,
    clock::Clock,
    emission::Emission,
    live::{Live, Stop},
    names::kernel_release,
    plan::Plan,
    runtime::runtime,
    signals::Signals,
};
use crate::{
    cli::TraceArgs,
    confine::confine,
    memory::limit_allocator,
    pipeline::Ending,
    probe::{self, Attached, Extra},
    record::{End, Record, Start, Unseen},
};

/// Runs a trace until a signal, the time, the count or its command ends it.
pub(super) fn run(args: TraceArgs) -> Result<ExitCode, Failure> {
    limit_allocator();
    let mut plan = Plan::new(args)?;
    let runtime = runtime().context("start the runtime")?;
    runtime.block_on(async {
        let mut signals = Signals::listen(plan.command_handle()?, plan.hangup())?;
        let mut live = attach(&plan)?;
        let ended = match begin(&mut live, &mut plan) {
            Ok(()) => trace(&mut live, &mut plan, &mut signals).await,
            Err(failure) => Err(failure),
        };
        // A reader who has gone does not ask for more.
        if !ended.as_ref().is_err_and(Failure::is_closed_pipe) {
            live.report_missing();
        }
        close(&live.emission, plan, ended?).await
    })
}

/// Attaches to the kernel, and then opens the outputs: what their files held must survive a trace that cannot begin.
fn attach(plan: &Plan) -> Result<Live, Failure> {
    let attached = probe::attach(&plan.settings).map_err(Failure::cannot_trace)?;
    warn_of_missing(&attached);
    let emission = Emission::open(plan.filter.clone(), &plan.outputs, &plan.output)?;
    Ok(Live::new(attached, Clock::new(), emission, plan.limits.clone()))
}

/// Writes the first record, tells of the sockets that exist, gives up privileges, and lets the command go.
fn begin(live: &mut Live, plan: &mut Plan) -> Result<(), Failure> {
    let what = plan.filter.describe();
    let start = start(live, what.clone());
    live.emission.emit(&mut vec![start])?;
    live.emission.flush()?;
    if plan.command.is_none() && live.emission.outputs.is_interactive() {
        let what = if what.is_empty() { "every TCP socket" } else { &what };
        print_note(&format!("tracing {what}; Ctrl+C ends it"));
    }
    if plan.filter.children {
        live.track(&plan.filter.pids, plan.has_descendants);
    }
    live.tell_existing()?;
    let confinement = plan.confinement();
    match confine(confinement).context("give up privileges") {
        Err(error) if confinement.user.is_some() => return Err(Failure::cannot_trace(error)),
        Err(error) => log::warn!("goes on with more privilege than it needs: {error:#}"),
        Ok(()) => {}
    }
    if let Some(command) = &mut plan.command {
        command.release();
    }
    Ok(())
}

/// Traces to the end, and has every output finished.
async fn trace(live: &mut Live, plan: &mut Plan, signals: &mut Signals) -> Result<Stop, Failure> {
    let stop = live.run(signals, plan.duration, plan.command.as_mut()).await?;
    let ended = live.finish(&stop)?;
    let illegal = live.emission.pipeline.illegal();
    let ending = Ending {
        end: End { at: live.clock.now(), totals: ended.totals, illegal },
        open_at: ended.open_at,
        is_complete: true,
        is_recorded: false,
        dumped: ended.dumped,
    };
    live.emission.finish(&ending)?;
    Ok(stop)
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

fn warn_of_missing(attached: &Attached) {
    if let Some(refusal) = &attached.refused {
        log::warn!("{}; using the classic tracepoint instead", refusal.why);
    }
    for (extra, why) in &attached.missing {
        match extra {
            Extra::Forks => log::warn!("descendants made from now on are not traced: {why}"),
            Extra::AcceptCalls => log::warn!("who accepts is not seen: {why}"),
            _ => log::info!("not seen: {}: {why}", extra.name()),
        }
    }
}

/// The first record of a trace: what it sees, and what it does not.
fn start(live: &mut Live, filter: String) -> Record {
    let at = live.clock.now();
    let attached = live.attached();
    let unseen = |(extra, why): &(Extra, String)| Unseen { what: extra.name().to_owned(), why: why.clone() };
    Record::Start(Start {
        at,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        probe: attached.hook.name().to_owned(),
        fallback: attached.refused.as_ref().map(|refusal| refusal.why.clone()),
        kernel: kernel_release(),
        filter,
        sees: attached.extras.iter().map(|extra| extra.name().to_owned()).collect(),
        unseen: attached.missing.iter().map(unseen).collect(),
    })
}

/// A line on standard error that is no warning.
fn print_note(text: &str) {
    let _ = writeln!(std::io::stderr(), "tcptrace: {text}");
}
