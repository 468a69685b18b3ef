//! JSON lines against the published schema: what we write fits it, and what we must not write does not.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod arbitrary;
mod broken;
mod records;
mod validator;

use std::{
    collections::BTreeSet,
    io::{self, Write},
};

use jiff::{Timestamp, tz::TimeZone};
use proptest::{prelude::*, strategy::ValueTree as _, test_runner::TestRunner};
use serde_json::Value;
use tcptrace::{
    connection::Retain,
    record::SocketId,
    render::{Json, Palette, Render, Text, TextStyle, write_listed},
};

#[test]
fn every_kind_of_record_is_as_described() {
    let golden = records::golden();
    insta::assert_snapshot!(golden);
    validator::assert_valid("every_kind_of_record_is_as_described", golden.as_bytes());
}

/// A word that the schema allows and no golden has would be one that nobody checks.
#[test]
fn every_word_of_the_schema_is_in_the_golden() {
    let schema: Value = serde_json::from_str(include_str!("../../schema/records.schema.json")).unwrap();
    let mut words = BTreeSet::new();
    collect_words(&schema, &mut words);
    assert!(words.contains("ring_full") && words.contains("SYN_RECV"), "{words:?}");
    assert_shown(words.iter().map(String::as_str));
}

/// A name that no golden has would be one that nobody holds against the schema.
#[test]
fn every_name_of_the_tables_is_in_the_golden() {
    assert_shown(records::names());
}

fn assert_shown<'a>(words: impl IntoIterator<Item = &'a str>) {
    let golden = records::golden();
    let shown =
        |word: &&str| [':', '[', ','].iter().any(|before| golden.contains(&format!("{before}\"{word}\"")));
    let missing: Vec<_> = words.into_iter().filter(|word| !shown(word)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

fn collect_words(schema: &Value, words: &mut BTreeSet<String>) {
    match schema {
        Value::Object(object) => {
            let listed = object.get("enum").and_then(Value::as_array).into_iter().flatten();
            words.extend(listed.filter_map(Value::as_str).map(str::to_owned));
            object.values().for_each(|value| collect_words(value, words));
        }
        Value::Array(array) => array.iter().for_each(|value| collect_words(value, words)),
        _ => {}
    }
}

#[test]
fn broken_records_are_refused() {
    let golden = records::golden();
    let mut lines: Vec<String> = golden.lines().flat_map(broken::variants).collect();
    // Two in one line.
    lines.push(golden.lines().take(2).collect());
    lines.extend(broken::ODD.map(str::to_owned));
    let text = lines.join("\n") + "\n";
    let Some(problems) = validator::problems("broken_records_are_refused", text.as_bytes()) else { return };
    let accepted: Vec<_> = (1..)
        .zip(&lines)
        .filter(|(number, _)| !problems.contains_key(number))
        .map(|(_, line)| line)
        .collect();
    assert!(accepted.is_empty(), "{} of {} were accepted:\n{accepted:#?}", accepted.len(), lines.len());
}

#[test]
fn the_readme_shows_what_is() {
    let readme = include_str!("../../../README.md");
    let lines: Vec<_> = readme.lines().filter(|line| line.starts_with("{\"v\"")).collect();
    assert!(!lines.is_empty());
    validator::assert_valid("the_readme_shows_what_is", (lines.join("\n") + "\n").as_bytes());
}

#[test]
fn records_that_nobody_thought_of_are_as_described() {
    let mut runner = TestRunner::deterministic();
    let mut lines = Vec::new();
    for _ in 0..300 {
        let record = arbitrary::record().new_tree(&mut runner).unwrap().current();
        Json::default().record(&mut lines, &record).unwrap();
        let (at, found) = arbitrary::listed().new_tree(&mut runner).unwrap().current();
        write_listed(&mut lines, at, &found).unwrap();
    }
    validator::assert_valid("records_that_nobody_thought_of_are_as_described", &lines);
}

/// Lines are written at one go, and so stay together: a reader of the pipe, or of a file that two tracers append to,
/// sees no half line.
#[test]
fn a_line_is_written_at_one_go() {
    struct WholeLines(usize);
    impl Write for WholeLines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            assert!(bytes.ends_with(b"\n"), "{}", String::from_utf8_lossy(bytes));
            self.0 += 1;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (mut lines, records) = (WholeLines(0), records::records());
    let style = TextStyle { zone: TimeZone::UTC, palette: Palette::default(), width: None };
    let mut text = Text::new(style, Retain::None);
    for format in [&mut Json::default() as &mut dyn Render, &mut text] {
        records.iter().for_each(|record| format.record(&mut lines, record).unwrap());
    }
    assert!(lines.0 > records.len());
}

/// The only line, read back.
fn read_back(bytes: &[u8]) -> Value {
    let text = std::str::from_utf8(bytes).unwrap();
    let line = text.strip_suffix('\n').unwrap();
    // None of the characters that end a line somewhere, move a cursor or turn the text is there unescaped.
    let hidden = |c: char| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    assert!(!line.contains(hidden), "{line:?}");
    serde_json::from_str(line).unwrap()
}

proptest! {
    #[test]
    fn a_record_is_one_line_that_reads_back(record in arbitrary::record()) {
        let object = read_back(&records::lines(std::slice::from_ref(&record)));
        let at = record.at();
        let time = object["time"].as_str().unwrap();
        prop_assert_eq!(time.len(), "2026-11-22T10:00:00.123456789Z".len());
        prop_assert_eq!(time.parse::<Timestamp>().unwrap().as_nanosecond(), i128::from(at.wall_ns));
        prop_assert_eq!(object["mono_ns"].as_u64(), Some(at.mono_ns));
        if let Some(subject) = record.subject() {
            let (SocketId::Cookie(id) | SocketId::Serial(id)) = subject.socket;
            let text = object["socket"].as_str().unwrap();
            prop_assert_eq!(text.trim_start_matches('~').parse(), Ok(id));
            let connection = object.get("connection").map(|id| id.as_str().unwrap().parse().unwrap());
            prop_assert_eq!(connection, subject.connection.map(|id| id.0));
            let local = &object["local"];
            prop_assert_eq!(local["address"].as_str().unwrap().parse(), Ok(subject.tuple.local.address));
            prop_assert_eq!(local.get("port").map_or(Some(0), Value::as_u64), Some(subject.tuple.local.port.into()));
            let comm = object.pointer("/process/comm").and_then(Value::as_str);
            prop_assert_eq!(comm.map(str::to_owned), subject.owner.map(|owner| owner.comm.to_text()));
        }
    }

    #[test]
    fn a_listed_socket_is_one_line_that_reads_back((at, found) in arbitrary::listed()) {
        let mut line = Vec::new();
        write_listed(&mut line, at, &found).unwrap();
        let object = read_back(&line);
        prop_assert_eq!(object["socket"].as_str().unwrap().parse(), Ok(found.cookie));
        prop_assert_eq!(object["recv_queue"].as_u64(), Some(found.recv_q.into()));
        let pid = object.pointer("/process/pid").and_then(Value::as_u64);
        prop_assert_eq!(pid, found.holder.as_ref().map(|holder| holder.pid.into()));
    }
}
