//! The way of a record through a trace, from its bytes to what is told, without the kernel and without a clock.

use std::{io, path::Path};

use clap::ColorChoice;
use jiff::tz::TimeZone;
use tcptrace::{
    app::Story,
    connection::{ConnectionTable, Keep},
    event::{RawEvent, Timers},
    filter::Filter,
    ladder::{self, Ladders},
    output::Output,
    record::{Record, Totals},
    render::{Json, Palette, Render, Text},
    stuck::{Limits, StuckDetector},
    time::Moment,
    tracker::{Tracker, TrackerConfig},
};

use super::{Flood, Raw};

/// How it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum How {
    /// Not at all: the way ends with the tracker's records.
    Untold,
    Text,
    Json,
    Ladder,
}

/// As often a busy reader drains, nanoseconds.
const TICK: u64 = 5_000_000;

/// What a trace keeps, and where it tells.
pub struct Way {
    timers: Timers,
    tracker: Tracker,
    watch: Option<StuckDetector>,
    story: Option<Story>,
    batch: Vec<RawEvent>,
    records: Vec<Record>,
    drained: u64,
    /// State changes that were taken in.
    pub events: u64,
}

impl Way {
    /// Tells everything in this format, to `path`.
    pub fn new(how: How, path: &Path) -> Self {
        let look = Text { zone: TimeZone::UTC, palette: Palette::new(false), width: None };
        let told: Option<(Box<dyn Render>, _)> = match how {
            How::Untold => None,
            How::Text => Some((Box::new(look), Keep::Latest(20))),
            How::Json => Some((Box::new(Json::default()), Keep::Open)),
            How::Ladder => Some((Box::new(Ladders::new(ladder::Notation::Picture, look)), Keep::None)),
        };
        let story = told.map(|(format, keep)| {
            let out = Output::file(path, ColorChoice::Never).expect("a place to write to");
            Story::new(Filter::default(), format, ConnectionTable::new(keep), out, None)
        });
        let mut tracker = Tracker::new(TrackerConfig { minisocket_timers: true, periodic_dumps: true });
        tracker.set_requests_known_from(0);
        let mut way = Self {
            timers: Timers::default(),
            tracker,
            watch: None,
            story,
            batch: Vec::new(),
            records: Vec::new(),
            drained: 0,
            events: 0,
        };
        way.take(&Flood::listener());
        way
    }

    /// As with `--stuck`.
    #[must_use]
    pub fn watching(self) -> Self {
        Self { watch: Some(StuckDetector::new(Limits::default())), ..self }
    }

    /// Takes in a record, and tells what there is when it is time.
    pub fn take(&mut self, raw: &Raw) {
        let now = raw.mono_ns();
        if now >= self.drained + TICK {
            self.timers.fold(&mut self.batch, now);
            self.follow(now).expect("the output takes it");
            self.drained = now;
        }
        let seen = RawEvent::decode(raw.bytes()).expect("as the kernel side makes them");
        self.events += u64::from(seen.state_change().is_some());
        self.batch.push(seen);
    }

    /// Sockets that are open as far as is known.
    pub fn open(&self) -> usize {
        self.tracker.open_sockets()
    }

    /// Ends it; tells what was shown.
    pub fn finish(mut self) -> Totals {
        self.timers.finish(&mut self.batch);
        self.follow(self.drained).expect("the output takes it");
        self.tracker.finish(&mut self.records);
        let Some(mut story) = self.story else { return Totals::default() };
        story.tell(&mut self.records).expect("the output takes it");
        story.finish(at(self.drained)).expect("the output takes it");
        story.flush().expect("the output takes it");
        story.totals()
    }

    fn follow(&mut self, now: u64) -> io::Result<()> {
        let Self { tracker, watch, story, batch, records, .. } = self;
        for seen in batch.drain(..) {
            let at = at(seen.mono_ns());
            match seen {
                RawEvent::StateChange(event) => tracker.apply(at, &event, records),
                RawEvent::Accept(accept) => tracker.apply_accept(&accept),
                RawEvent::Fork(fork) => tracker.process_tree().fork(&fork),
                RawEvent::SocketEvent(note) => tracker.apply_socket_event(at, &note, |_| None, records),
            }
        }
        if let Some(watch) = watch {
            records.iter().for_each(|record| watch.follow(record));
            records.extend(watch.due(at(now)).into_iter().map(Record::Stuck));
        }
        let Some(story) = story else {
            records.clear();
            return Ok(());
        };
        story.tell(records)?;
        story.flush()
    }
}

const fn at(mono_ns: u64) -> Moment {
    Moment { mono_ns, wall_ns: 1_700_000_000_000_000_000 + mono_ns.cast_signed() }
}
