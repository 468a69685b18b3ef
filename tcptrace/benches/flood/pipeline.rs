//! The pipeline of a record through a trace, from its bytes to what is told, without the kernel and without a clock.

use std::path::Path;

use clap::ColorChoice;
use jiff::tz::TimeZone;
use tcptrace::{
    connection::Retain,
    event::RawEvent,
    filter::Filter,
    ladder::{Ladders, Notation},
    output::Output,
    pipeline::{Ending, Observer, Pipeline},
    record::{End, Record, Totals},
    render::{Json, Palette, Render, Sink, Text, TextStyle},
    session::{Config, Dump, Session},
    stuck::Limits,
    time::Moment,
};

use super::{Flood, Raw};

/// How it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum How {
    /// Not at all: the pipeline ends with the session's records.
    Untold,
    Text,
    Json,
    Ladder,
    /// Text and JSON at once.
    Both,
}

impl How {
    fn formats(self) -> Vec<Box<dyn Render>> {
        let style = TextStyle { zone: TimeZone::UTC, palette: Palette::new(false), width: None };
        let text = || Box::new(Text::new(style.clone(), Retain::Latest(20)));
        match self {
            Self::Untold => Vec::new(),
            Self::Text => vec![text()],
            Self::Json => vec![Box::new(Json::default())],
            Self::Ladder => vec![Box::new(Ladders::new(Notation::Picture, style))],
            Self::Both => vec![text(), Box::new(Json::default())],
        }
    }
}

/// As often a busy reader drains, nanoseconds.
const TICK: u64 = 5_000_000;

/// A session, and where its records go.
pub struct FloodPipeline {
    session: Session,
    pipeline: Option<Pipeline<'static>>,
    records: Vec<Record>,
    drained: u64,
    /// State changes that were taken in.
    pub events: u64,
}

impl FloodPipeline {
    /// Tells everything in this format, to `path`.
    pub fn new(how: How, path: &Path) -> Self {
        Self::with(how, path, None)
    }

    /// As with `--stuck`.
    pub fn watching(how: How, path: &Path) -> Self {
        Self::with(how, path, Some(Limits::default()))
    }

    fn with(how: How, path: &Path, stuck: Option<Limits>) -> Self {
        let pipeline = (how != How::Untold).then(|| {
            let observers = how.formats().into_iter().map(|format| {
                let out = Output::file(path, ColorChoice::Never)
                    .and_then(Output::emptied)
                    .expect("a place to write to");
                Box::new(Sink::new(format, out)) as Box<dyn Observer>
            });
            Pipeline::new(Filter::default(), None, observers.collect())
        });
        let config = Config { filter: Filter::default(), minisocket_timers: true, stuck };
        let session = Session::new(config, at(0));
        let mut flood = Self { session, pipeline, records: Vec::new(), drained: 0, events: 0 };
        flood.answer(0);
        flood.take(&Flood::listener());
        flood
    }

    /// Takes in a record, and tells what there is when it is time.
    pub fn take(&mut self, raw: &Raw) {
        let now = raw.mono_ns();
        if now >= self.drained + TICK {
            self.step(now);
            self.drained = now;
        }
        let record = RawEvent::decode(raw.bytes());
        let is_change = |record: &RawEvent| record.state_change().is_some();
        self.events += u64::from(record.as_ref().is_ok_and(is_change));
        self.session.read(record);
    }

    /// Sockets that are open as far as is known.
    pub fn open(&self) -> usize {
        self.session.open()
    }

    /// Ends it; tells what was shown.
    pub fn finish(mut self) -> Totals {
        self.session.end();
        while self.step(self.drained) > 0 {}
        self.session.finish(&mut self.records);
        self.tell();
        let Some(mut pipeline) = self.pipeline else { return Totals::default() };
        pipeline.close();
        let (at, totals) = (at(self.drained), pipeline.totals());
        let end = End { at, totals, illegal: pipeline.illegal() };
        pipeline.finish(&Ending { end, open_at: at, is_complete: false, is_recorded: false, dumped: None });
        totals
    }

    fn step(&mut self, now: u64) -> usize {
        let count = self.session.next_batch(at(now));
        while self.session.advance(&mut (), &mut self.records) {
            self.tell();
        }
        self.answer(now);
        self.tell();
        count
    }

    /// The kernel shows no socket, of no namespace.
    fn answer(&mut self, now: u64) {
        if self.session.request_dump(at(now)).is_some() {
            self.session.on_dump(at(now), Ok(Dump::default()), &mut self.records);
        }
    }

    fn tell(&mut self) {
        let Some(pipeline) = &mut self.pipeline else {
            self.records.clear();
            return;
        };
        pipeline.emit(&mut self.records);
        pipeline.flush();
    }
}

const fn at(mono_ns: u64) -> Moment {
    Moment { mono_ns, wall_ns: 1_700_000_000_000_000_000 + mono_ns.cast_signed() }
}
