//! Ladders of every kind of life: as segments, as pictures, and as Mermaid's diagrams.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod arbitrary;
mod lives;

use std::{cell::RefCell, rc::Rc};

use jiff::tz::TimeZone;
use lives::moment;
use tcptrace::{
    connection::{ConnectionTable, Keep, Retain},
    filter::Filter,
    ladder::{Ladder, Ladders, Notation, Row, Side},
    pipeline::{Ending, Pipeline},
    record::{End, Record, Totals},
    render::{Palette, Sink, TextStyle},
};
use unicode_width::UnicodeWidthStr as _;

/// A pipeline that lets everything through, and what comes out of it.
fn pipeline(ladders: Ladders) -> (Pipeline<'static>, Rc<RefCell<Sink<Vec<u8>>>>) {
    let sink = Rc::new(RefCell::new(Sink::new(Box::new(ladders), Vec::new())));
    (Pipeline::new(Filter::default(), None, vec![Box::new(Rc::clone(&sink))]), sink)
}

fn ending() -> Ending {
    let end = End { at: moment(1), totals: Totals::default(), illegal: 0 };
    Ending { end, open_at: end.at, is_complete: true, is_recorded: false, dumped: None }
}

fn drawn(life: &[Record], notation: Notation, width: Option<usize>, coloured: bool) -> String {
    let style = TextStyle { zone: TimeZone::UTC, palette: Palette::new(coloured), width };
    let (mut pipeline, out) = pipeline(Ladders::new(notation, style));
    pipeline.emit(&mut life.to_vec());
    pipeline.finish(&ending());
    let text = String::from_utf8(out.borrow().out().clone()).unwrap();
    let (ladders, totals) = text.trim_end().rsplit_once('\n').unwrap();
    assert_eq!(totals, "0 events seen = 0 shown + 0 filtered + 0 lost");
    ladders.trim().to_owned()
}

fn life(name: &str) -> Vec<Record> {
    lives::all().into_iter().find(|(other, _)| *other == name).unwrap().1
}

#[test]
fn pictures() {
    for (name, life) in lives::all() {
        insta::assert_snapshot!(format!("picture_{name}"), drawn(&life, Notation::Picture, Some(80), false));
    }
}

#[test]
fn mermaid() {
    for (name, life) in lives::all() {
        insta::assert_snapshot!(format!("mermaid_{name}"), drawn(&life, Notation::Mermaid, None, false));
    }
}

#[test]
fn a_wider_lane() {
    for name in ["normal", "both_close"] {
        let picture = drawn(&life(name), Notation::Picture, Some(100), false);
        insta::assert_snapshot!(format!("picture_{name}_100"), picture);
    }
}

#[test]
fn colours_are_those_of_the_phases() {
    let picture = drawn(&life("reset"), Notation::Picture, Some(80), true);
    insta::assert_snapshot!("coloured", picture.replace('\x1b', "␛"));
}

#[test]
fn no_row_is_wider_than_the_terminal() {
    for (name, life) in lives::all() {
        for width in [72, 80, 100] {
            for row in drawn(&life, Notation::Picture, Some(width), false).lines() {
                assert!(row.width() <= width, "{name}: {row:?} is {} wide", row.width());
            }
        }
    }
}

/// Segments of a life, `›` from the left end, `‹` from the right one, `?` without an answer.
fn segments(life: &[Record]) -> Vec<String> {
    let mut table = ConnectionTable::new(Keep::ALL);
    life.iter().for_each(|record| drop(table.add(record)));
    let ladder = Ladder::of(&table.latest(Retain::All).next().unwrap()).unwrap();
    let mark = |arrow: &tcptrace::ladder::Arrow, sign: &str| {
        let from = if arrow.from == Side::Left { "›" } else { "‹" };
        format!("{from}{}{}{sign}", arrow.segment.name(), if arrow.unanswered { "?" } else { "" })
    };
    let rows = ladder.rows.iter().map(|row| match row {
        Row::Still(_) => String::new(),
        Row::Arrow(arrow) => mark(arrow, ""),
        Row::Crossing(arrows) => format!("{}{}", mark(&arrows.left, ""), mark(&arrows.right, "")),
        Row::Departs(arrow) => mark(arrow, "…"),
        Row::Arrives(arrow) => format!("…{}", mark(arrow, "")),
    });
    rows.filter(|text| !text.is_empty()).collect()
}

#[test]
fn the_segments_of_each_life() {
    let open = "›SYN ‹SYN+ACK ›ACK";
    for (name, expected) in [
        ("normal", format!("{open} ›FIN ‹ACK ‹FIN ›ACK")),
        ("syn_recv_at_the_syn", open.to_owned()),
        ("both_open", "›SYN‹SYN ›SYN+ACK‹SYN+ACK".to_owned()),
        ("both_close", format!("{open} ›FIN‹FIN ›ACK‹ACK")),
        ("refused", "›SYN ‹RST".to_owned()),
        ("no_answer", "›SYN?".to_owned()),
        ("reset", format!("{open} ›RST")),
        ("reset_after_the_fin", format!("{open} ›FIN ‹ACK ›RST")),
        ("half_close", format!("{open} ›FIN ‹ACK ‹FIN ›ACK")),
        ("orphan", format!("{open} ‹FIN ›ACK")),
        ("orphan_and_its_late_fin", format!("{open} ‹FIN ›ACK ›FIN ‹ACK")),
        ("joined_midway", "›FIN ‹ACK".to_owned()),
        ("lost_events", format!("{open} ›FIN ‹ACK")),
        ("server_elsewhere", format!("{open} ›FIN ‹ACK ‹FIN ›ACK")),
        ("client_elsewhere", format!("{open} ›FIN ‹ACK ‹FIN ›ACK")),
        ("destroyed", format!("{open} ›RST")),
        ("fin_without_an_answer", format!("{open} ›FIN?")),
        ("one_of_two_fins_comes_late", format!("{open} ‹FIN… ›FIN ‹ACK …‹FIN ›ACK")),
    ] {
        assert_eq!(segments(&life(name)).join(" "), expected, "{name}");
    }
}

/// Nothing of a name may end a line, a block of Markdown, an entity or a comment of Mermaid.
#[test]
fn no_name_reaches_mermaid_raw() {
    let page = drawn(&life("hostile_name"), Notation::Mermaid, None, false);
    let participant = page.lines().find(|line| line.contains("7/a")).unwrap();
    assert!(!participant.replace("<br/>", "").contains(['<', '>', '`', '%', '\\', '"']), "{participant}");
    assert_eq!(page.matches("```").count(), 2);
}

#[test]
fn a_connection_is_told_once_and_when_it_is_over() {
    let style = TextStyle { zone: TimeZone::UTC, palette: Palette::default(), width: Some(80) };
    let (mut pipeline, out) = pipeline(Ladders::new(Notation::Picture, style));
    let written = || String::from_utf8(std::mem::take(out.borrow_mut().out_mut())).unwrap();
    let life = life("normal");
    let (last, before) = life.split_last().unwrap();
    for record in before {
        pipeline.emit_one(record);
        assert_eq!(written(), "");
    }
    pipeline.emit_one(last);
    assert!(written().starts_with("\nConnection"));
    // The end of TIME_WAIT is no connection of its own.
    pipeline.emit_one(&lives::a_wait_ends());
    pipeline.finish(&ending());
    assert_eq!(written(), "\n0 events seen = 0 shown + 0 filtered + 0 lost\n");
}
