//! `tcptrace`: the trace itself, from the command line to the closing report.

use std::{io::Write as _, process::ExitCode};

use anyhow::Context as _;
use jiff::tz::TimeZone;

use super::{
    Failure,
    clock::Clock,
    command::Command,
    live::{Live, Stop},
    names::{account_of, kernel_release, resolve},
    signals::{Hangup, Signals},
    story::Story,
};
use crate::{
    cli::{Format, Selection, TraceArgs},
    confine::{Confinement, confine},
    connection::{ConnectionTable, Keep},
    ladder::{self, Ladders},
    memory::limit_allocator,
    output::Output,
    probe::{self, Extra, Settings},
    record::{End, Record, Start, Unseen},
    render::{ConnectionReport, Json, Now, Palette, Render, Text, describe_totals},
};

/// Runs a trace until a signal, the time, the count or its command ends it.
pub(super) fn run(args: TraceArgs) -> Result<ExitCode, Failure> {
    limit_allocator();
    let limits = args.watch.limits();
    let mut filter = resolve(Selection::from(args.select))?;
    // Before there is a file or a thread: it may come to nothing, and the new process should have little of ours.
    let mut command = (!args.command.is_empty()).then(|| Command::hold(&args.command)).transpose()?;
    if let Some(command) = &command {
        filter.pids = vec![command.pid];
    }
    let user = args.user.as_ref().map(account_of).transpose()?;
    filter.children = args.children || command.is_some();
    let hangup = Hangup::of(args.output.is_some());
    let out = match &args.output {
        Some(path) => Output::file(path, args.color)?,
        None => Output::stdout_with(args.color),
    };
    let look =
        Text { zone: TimeZone::system(), palette: Palette::new(out.is_coloured()), width: out.width() };
    let (format, keep) = renderer(args.format, args.report.0, &look);
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
    let what = filter.describe();
    let story = Story::new(filter.clone(), format, ConnectionTable::new(keep), out, args.count);

    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("start the runtime")?;
    runtime.block_on(async {
        let handle = command.as_ref().map(|command| command.handle.try_clone()).transpose();
        let mut signals = Signals::listen(handle.context("watch the command")?, hangup)?;
        let attached = probe::attach(&settings).map_err(Failure::cannot_trace)?;
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
        let mut clock = Clock::new();
        let start = Record::Start(Start {
            at: clock.now(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            probe: attached.hook.name().to_owned(),
            fallback: attached.refused.as_ref().map(|refusal| refusal.why.clone()),
            kernel: kernel_release(),
            filter: what.clone(),
            sees: attached.extras.iter().map(|extra| extra.name().to_owned()).collect(),
            unseen: attached.missing.iter().map(unseen).collect(),
        });
        let mut live = Live::new(attached, clock, story, limits);
        live.story.announce(&start).and_then(|()| live.story.flush()).context("write")?;
        if args.format != Format::Json && command.is_none() && live.story.out.is_terminal() {
            let what = if what.is_empty() { "every TCP socket" } else { &what };
            log_line(&format!("tracing {what}; Ctrl+C ends it"));
        }
        if filter.children {
            live.ask_for(&filter.pids, command.is_none());
        }
        live.tell_existing(&mut signals).await?;
        let confinement = Confinement { user, reopens: args.output.is_some() };
        match confine(confinement).context("give up privileges") {
            Err(error) if user.is_some() => return Err(Failure::cannot_trace(error)),
            Err(error) => log::warn!("goes on with more privilege than it needs: {error:#}"),
            Ok(()) => {}
        }
        if let Some(command) = &mut command {
            command.release();
        }
        let ended = match live.run(&mut signals, args.duration, command.as_mut()).await {
            Ok(stop) => live.finish(&stop).map(|ended| (stop, ended)),
            Err(error) => Err(error),
        };
        let (stop, ended) = match ended.map_err(Failure::from) {
            Ok(ended) => ended,
            Err(failure) => {
                // A reader who has gone does not ask for more.
                if !failure.is_closed_pipe() {
                    live.tell_unwritten();
                }
                return Err(failure);
            }
        };
        let Live { mut story, mut clock, .. } = live;
        let at = clock.now();
        story.met.lost = ended.totals.lost;
        let illegal = story.met.illegal;
        story.announce(&Record::End(End { at, totals: ended.totals, illegal })).context("write")?;
        if args.format == Format::Text {
            let page =
                ConnectionReport { style: &look, now: Now { at, listed: ended.listed }, recorded: false };
            report(&mut story, &page).context("write the report")?;
            writeln!(story.out, "{}", describe_totals(&ended.totals)).context("write")?;
        }
        story.flush().context("write")?;
        let met = story.met.words(&args.watch.fail_on).map(Failure::condition);
        drop(story);
        let Some(mut command) = command else { return met.map_or(Ok(ExitCode::SUCCESS), Err) };
        let outcome = match stop {
            Stop::Command(outcome) => outcome,
            // The trace is over; the command need not be.
            Stop::Signal | Stop::Time | Stop::Count => command.ended().await,
        };
        let code = command.code(outcome).map(ExitCode::from)?;
        met.map_or(Ok(code), Err)
    })
}

/// What writes a format, and which connections are kept for it.
pub(super) fn renderer(format: Format, report: Keep, look: &Text) -> (Box<dyn Render>, Keep) {
    match format {
        Format::Text => (Box::new(look.clone()), report),
        Format::Json => (Box::new(Json::default()), Keep::Open),
        Format::Ladder => (Box::new(Ladders::new(ladder::Notation::Picture, look.clone())), Keep::None),
        Format::Mermaid => (Box::new(Ladders::new(ladder::Notation::Mermaid, look.clone())), Keep::None),
    }
}

pub(super) fn report(story: &mut Story, page: &ConnectionReport<'_>) -> std::io::Result<()> {
    let histories = story.table.histories();
    let here = histories.len() as u64;
    for history in histories {
        writeln!(story.out)?;
        page.write(&mut story.out, &history)?;
    }
    writeln!(story.out)?;
    let unchanged = story.table.unchanged();
    let changed = story.table.told() - unchanged;
    if changed > here {
        writeln!(story.out, "{changed} connections, the latest {here} above (--report all for all)")?;
    }
    match unchanged {
        0 => Ok(()),
        1 => writeln!(story.out, "1 connection that was there before did not change"),
        _ => writeln!(story.out, "{unchanged} connections that were there before did not change"),
    }
}

fn unseen((extra, why): &(Extra, String)) -> Unseen {
    Unseen { what: extra.name().to_owned(), why: why.clone() }
}

/// A line on standard error that is no warning.
fn log_line(text: &str) {
    let _ = writeln!(std::io::stderr(), "tcptrace: {text}");
}
