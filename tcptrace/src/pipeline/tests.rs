//! Outputs side by side: each writes what it would write alone, and one that fails is nobody else's matter.

use std::{
    cell::RefCell,
    io::{self, Write},
    rc::Rc,
};

use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::{Ending, Observer, Pipeline};
use crate::{
    connection::Retain,
    event::StateChange,
    filter::Filter,
    ladder::{Ladders, Notation},
    record::{End, Record},
    render::{Json, Palette, Render, Sink, Text, TextStyle},
    time::Moment,
    tracker::{
        Tracker,
        tests::{
            model::{Fate, World, fates, mangle, world},
            properties::records_of,
        },
    },
};

/// Memory that is full after this number of bytes.
#[derive(Clone, Debug, Default)]
struct Disk {
    bytes: Vec<u8>,
    room: Option<usize>,
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.room.is_some_and(|room| self.bytes.len() + bytes.len() > room) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

type Shared = Rc<RefCell<Sink<Disk>>>;

/// Every format, by its place here.
fn format(index: usize) -> Box<dyn Render> {
    let style = TextStyle { zone: TimeZone::UTC, palette: Palette::default(), width: None };
    match index {
        0 => Box::new(Json::default()),
        1 => Box::new(Text::new(style, Retain::Latest(3))),
        2 => Box::new(Text::new(style, Retain::None)),
        3 => Box::new(Ladders::new(Notation::Picture, style)),
        _ => Box::new(Ladders::new(Notation::Mermaid, style)),
    }
}
const FORMATS: usize = 5;

fn sink(index: usize, room: Option<usize>) -> Shared {
    Rc::new(RefCell::new(Sink::new(format(index), Disk { bytes: Vec::new(), room })))
}

fn run(sinks: &[Shared], filter: &Filter, records: &[Record]) -> Pipeline<'static> {
    let observers = sinks.iter().map(|sink| Box::new(Rc::clone(sink)) as Box<dyn Observer>).collect();
    let mut pipeline = Pipeline::new(filter.clone(), None, observers);
    pipeline.emit(&mut records.to_vec());
    pipeline.close();
    let at = Moment { mono_ns: u64::MAX / 4, wall_ns: 0 };
    let end = End { at, totals: pipeline.totals(), illegal: pipeline.illegal() };
    pipeline.finish(&Ending { end, open_at: at, is_complete: true, is_recorded: true, dumped: None });
    pipeline
}

fn written(sink: &Shared) -> String {
    String::from_utf8_lossy(&sink.borrow().out().bytes).into_owned()
}

fn records(world: &World, fates: &[Fate]) -> Vec<Record> {
    let events: Vec<StateChange> = world.events().into_iter().map(|told| told.event).collect();
    records_of(&mut Tracker::default(), &mangle(&events, fates))
}

fn filter() -> impl Strategy<Value = Filter> {
    let ports = prop_oneof![Just("1-65535"), Just("4000-4001"), Just("80,4002")];
    ports.prop_map(|ports| Filter { ports: ports.parse().unwrap(), ..Filter::default() })
}

proptest! {
    #[test]
    fn each_output_is_what_it_would_be_alone(world in world(), fates in fates(), filter in filter()) {
        let records = records(&world, &fates);
        let together: Vec<_> = (0..FORMATS).map(|index| sink(index, None)).collect();
        run(&together, &filter, &records);
        for (index, beside_others) in together.iter().enumerate() {
            let alone = sink(index, None);
            run(std::slice::from_ref(&alone), &filter, &records);
            prop_assert_eq!(written(beside_others), written(&alone));
        }
    }

    #[test]
    fn one_that_fails_ends_by_itself(world in world(), filter in filter(), room in 0..5_000_usize) {
        let records = records(&world, &[]);
        let [full, other] = [sink(0, Some(room)), sink(0, None)];
        let pipeline = run(&[Rc::clone(&full), Rc::clone(&other)], &filter, &records);
        let (whole, part) = (written(&other), written(&full));
        prop_assert!(other.borrow().failure().is_none());
        prop_assert!(whole.starts_with(&part) && (part.is_empty() || part.ends_with('\n')));
        prop_assert_eq!(full.borrow().failure().is_some(), whole.len() > room);
        // What it has, what it tried, and what came too late are all that there was.
        let has = |text: &str| text.lines().filter(|line| line.contains("\"from\"") || line.contains("\"orphan\"")).count() as u64;
        let missed = full.borrow().missed();
        let shown = pipeline.totals().shown;
        prop_assert!(has(&part) + missed <= shown && shown <= has(&part) + missed + 1, "{missed} of {shown}");
    }
}
