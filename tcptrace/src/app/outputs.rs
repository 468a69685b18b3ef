//! The outputs of a command: any number of formats, each to a place of its own. One that fails ends by itself.

use std::{cell::RefCell, io, rc::Rc};

use anyhow::{Result, anyhow};
use jiff::tz::TimeZone;

use crate::{
    cli::{Format, OutputArgs, OutputSpec, Report},
    connection::Retain,
    ladder::{Ladders, Notation},
    output::Output,
    pipeline::Observer,
    render::{Json, Palette, Render, Sink, Text, TextStyle},
};

/// One of the outputs.
struct Outlet {
    name: String,
    format: Format,
    sink: Rc<RefCell<Sink<Output>>>,
    /// Whether its failure was reported.
    is_reported: bool,
}

/// The outputs of a command.
pub(super) struct Outputs(Vec<Outlet>);

impl Outputs {
    /// Opens them; what the files held before is gone then.
    pub(super) fn open(specs: &[OutputSpec], args: &OutputArgs) -> Result<Self> {
        let open = |spec: &OutputSpec| {
            let out = match &spec.path {
                Some(path) => Output::file(path, args.color)?,
                None => Output::stdout_with(args.color),
            };
            let sink = Sink::new(render(spec.format, args.report, &out), out);
            let sink = Rc::new(RefCell::new(sink));
            Ok(Outlet { name: spec.name(), format: spec.format, sink, is_reported: false })
        };
        let outlets: Vec<Outlet> = specs.iter().map(open).collect::<Result<_>>()?;
        // Only when all of them can be written: a wrong name for one must not cost what another one holds.
        for outlet in &outlets {
            outlet.sink.borrow().out().empty()?;
        }
        Ok(Self(outlets))
    }

    /// The outputs as observers of a pipeline.
    pub(super) fn observers(&self) -> Vec<Box<dyn Observer>> {
        self.0.iter().map(|outlet| Box::new(Rc::clone(&outlet.sink)) as Box<dyn Observer>).collect()
    }

    /// Whether somebody looks at one of them as it comes, who wants to be told what goes on.
    pub(super) fn is_interactive(&self) -> bool {
        self.0.iter().any(|outlet| outlet.format != Format::Json && outlet.sink.borrow().out().is_terminal())
    }

    /// Opens the files again that have been moved away (logrotate).
    pub(super) fn reopen(&self) {
        self.0.iter().for_each(|outlet| outlet.sink.borrow_mut().out_mut().reopen());
    }

    /// Waits until nobody reads standard output any more, and ends the output that goes there.
    pub(super) fn lose_reader(&self) -> impl Future<Output = ()> + use<> {
        let sinks: Vec<_> = self.0.iter().map(|outlet| Rc::clone(&outlet.sink)).collect();
        async move {
            let stdout = sinks.into_iter().find(|sink| sink.borrow().out().is_stdout());
            let Some(sink) = stdout else { return std::future::pending().await };
            let gone = sink.borrow().out().reader_is_gone();
            gone.await;
            sink.borrow_mut().fail(io::ErrorKind::BrokenPipe.into());
        }
    }

    /// Says which outputs have failed since the last time.
    ///
    /// # Errors
    /// When none is left: why.
    pub(super) fn check(&mut self) -> Result<()> {
        let is_left = self.0.iter().any(|outlet| outlet.sink.borrow().failure().is_none());
        for outlet in &mut self.0 {
            let sink = outlet.sink.borrow();
            let Some(failure) = sink.failure().filter(|_| !outlet.is_reported) else { continue };
            outlet.is_reported = true;
            if is_left {
                log::warn!("write to {}: {failure}; the other outputs go on", outlet.name);
            }
        }
        if is_left {
            return Ok(());
        }
        let failures = self.0.iter().filter_map(|outlet| outlet.sink.borrow().failure().map(copy));
        // A reader who has gone is the mildest of reasons.
        let worst = failures.min_by_key(|error| error.kind() == io::ErrorKind::BrokenPipe);
        Err(worst.map_or_else(|| anyhow!("no output is left"), |error| anyhow!(error).context("write")))
    }

    /// Whether one of them has failed.
    pub(super) fn has_failed(&self) -> bool {
        self.0.iter().any(|outlet| outlet.sink.borrow().failure().is_some())
    }

    /// Says what the outputs that failed lack; `untold` events have not even come to them.
    pub(super) fn report_missing(&self, untold: u64) {
        for outlet in &self.0 {
            let sink = outlet.sink.borrow();
            if sink.failure().is_some() {
                let (lines, events) = (sink.out().unwritten(), sink.missed() + untold);
                let what = if self.0.len() == 1 { "the output" } else { &outlet.name };
                log::warn!("{what} lacks {lines} lines, and {events} events that came after them");
            }
        }
    }

    /// Error to end with when some outputs have failed while others went on to the end.
    pub(super) fn failure(&self) -> Option<anyhow::Error> {
        let failed: Vec<_> =
            self.0.iter().filter(|outlet| outlet.sink.borrow().failure().is_some()).collect();
        let names: Vec<_> = failed.iter().map(|outlet| outlet.name.as_str()).collect();
        (!failed.is_empty()).then(|| {
            anyhow!(
                "not all was written: {} of {} outputs failed ({})",
                names.len(),
                self.0.len(),
                names.join(", ")
            )
        })
    }
}

/// The same error once more: the first is kept with its output.
fn copy(error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), error.to_string())
}

fn render(format: Format, report: Report, out: &Output) -> Box<dyn Render> {
    let style = TextStyle { zone: zone(), palette: Palette::new(out.is_coloured()), width: out.width() };
    match format {
        Format::Text => Box::new(Text::new(style, report.into())),
        Format::Json => Box::new(Json::default()),
        Format::Ladder => Box::new(Ladders::new(Notation::Picture, style)),
        Format::Mermaid => Box::new(Ladders::new(Notation::Mermaid, style)),
    }
}

/// Time zone of this host, or of `TZ`: a name like `Europe/Berlin`, a path, or a rule.
fn zone() -> TimeZone {
    TimeZone::try_system().unwrap_or_else(|error| {
        log::warn!("times are in UTC: {error}");
        TimeZone::UTC
    })
}

impl From<Report> for Retain {
    fn from(report: Report) -> Self {
        match report {
            Report::None => Self::None,
            Report::Latest(most) => Self::Latest(most),
            Report::All => Self::All,
        }
    }
}
