//! Recordings: each line is taken, left out or counted; what was taken can be written, and reads back the same; and no
//! format lets anything through that could do something to a terminal.

use std::{cell::RefCell, rc::Rc};

use anstyle::Style;
use jiff::tz::TimeZone;

use crate::{
    connection::Retain,
    escape::is_invisible,
    filter::Filter,
    ladder::{Ladders, Notation},
    pipeline::{Ending, Observer, Pipeline},
    record::{End, Record, Totals},
    recording::{Item, Reader, SkippedReport, append},
    render::{Palette, Render, Sink, Text, TextStyle},
    replay::Merge,
};

/// Beginning of a line that no format writes: where a hostile text has one, a line break in it must not make it a line.
pub(super) const FORGED: &str = "FORGED";

/// Takes the bytes as recordings, one or, where 0xff parts them, several.
pub fn replay(bytes: &[u8]) {
    let (records, skipped) = read(bytes);
    let written = lines(&records);
    let (again, nothing) = read(&written);
    assert_eq!(again, records);
    assert_eq!(SkippedReport { open_at: None, ..nothing }, SkippedReport::default());
    if records.is_empty() && skipped == SkippedReport::default() {
        let mut lines = bytes.split(|byte| *byte == b'\n');
        // Summaries are made anew.
        let says_nothing = |line: &[u8]| line.trim_ascii().is_empty() || holds(line, b"\"connection\"");
        assert!(lines.all(says_nothing), "something was passed over in silence");
    }
    for coloured in [false, true] {
        told(&records, coloured);
    }
    let hosts: Vec<_> = bytes.split(|byte| *byte == 0xff).take(4).collect();
    merged(&hosts);
}

fn read(bytes: &[u8]) -> (Vec<Record>, SkippedReport) {
    let mut reader = Reader::new(bytes);
    let (mut records, mut gaps) = (Vec::new(), 0);
    for item in &mut reader {
        match item.expect("no error of an input in memory") {
            Item::Record(record) => records.push(record),
            Item::Gap(lines) => gaps += lines,
            Item::Skipped => {}
        }
    }
    assert_eq!(gaps, reader.skipped.lines);
    assert_eq!(reader.is_empty, bytes.iter().all(u8::is_ascii_whitespace));
    for sentence in reader.skipped.sentences() {
        assert!(!sentence.contains(|c: char| c.is_control() || is_invisible(c)), "{sentence:?}");
    }
    (records, reader.skipped)
}

fn holds(line: &[u8], word: &[u8]) -> bool {
    line.windows(word.len()).any(|window| window == word)
}

fn lines(records: &[Record]) -> Vec<u8> {
    let mut lines = Vec::new();
    records.iter().for_each(|record| append(&mut lines, record));
    assert_eq!(lines.iter().filter(|byte| **byte == b'\n').count(), records.len());
    lines
}

/// Emits the records in every format for people.
fn told(records: &[Record], is_coloured: bool) {
    let width = is_coloured.then_some(80);
    let style = TextStyle { zone: TimeZone::UTC, palette: Palette::new(is_coloured), width };
    let formats: [Box<dyn Render>; 3] = [
        Box::new(Text::new(style.clone(), Retain::All)),
        Box::new(Ladders::new(Notation::Picture, style.clone())),
        Box::new(Ladders::new(Notation::Mermaid, style)),
    ];
    let sinks = formats.map(|format| Rc::new(RefCell::new(Sink::new(format, Vec::new()))));
    let observers = sinks.iter().map(|sink| Box::new(Rc::clone(sink)) as Box<dyn Observer>);
    let mut pipeline = Pipeline::new(Filter::default(), None, observers.collect());
    pipeline.emit(&mut records.to_vec());
    if let Some(at) = records.last().map(Record::at) {
        let end = End { at, totals: Totals::default(), illegal: 0 };
        pipeline.finish(&Ending { end, open_at: at, is_complete: true, is_recorded: true, dumped: None });
    }
    for sink in sinks {
        assert!(sink.borrow().failure().is_none(), "memory takes it");
        let shown = String::from_utf8(sink.borrow().out().clone()).expect("text");
        let plain = if is_coloured { without_colours(&shown) } else { shown };
        let bad = plain.chars().find(|c| (c.is_control() && *c != '\n') || is_invisible(*c));
        assert_eq!(bad, None, "{plain:?}");
        assert!(plain.lines().all(|line| !line.starts_with(FORGED)), "{plain:?}");
    }
}

/// Text without our own colours, which are all of one form.
fn without_colours(text: &str) -> String {
    let reset = format!("{:#}", Style::new().bold());
    assert!(reset.starts_with("\x1b[") && reset.ends_with('m'));
    let mut parts = text.split("\x1b[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';');
        plain.push_str(rest.strip_prefix('m').unwrap_or("\x1b"));
    }
    plain
}

/// Several hosts' recordings as one story: as many records as each has by itself, and a recording like any other.
fn merged(hosts: &[&[u8]]) {
    let alone: usize = hosts.iter().map(|host| story(&[host]).len()).sum();
    let whole = story(hosts);
    assert_eq!(whole.len(), alone);
    let (again, skipped) = read(&lines(&whole));
    assert_eq!(skipped, SkippedReport::default());
    assert_eq!(again, whole);
}

fn story(hosts: &[&[u8]]) -> Vec<Record> {
    let mut merge = Merge::new(hosts.iter().copied());
    let records: Vec<_> = std::iter::from_fn(|| merge.read_record().expect("no error in memory")).collect();
    assert_eq!(merge.left().len(), hosts.len());
    records
}
