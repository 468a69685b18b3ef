//! A ladder as a sequence diagram in Mermaid's language.
//!
//! Names come from outside: everything but plain letters, digits and a few signs is written as an entity (`#60;`), so
//! no name can end a line, a block of Markdown, or the diagram.

use std::fmt::Write as _;

use super::{
    Arrow, Ladder, Pair, Row, Side, StateMark,
    picture::{name, who},
};
use crate::render::{TextStyle, since};

/// Name of a participant, which is also the place of its notes.
const fn participant(side: Side) -> &'static str {
    match side {
        Side::Left => "left",
        Side::Right => "right",
    }
}

/// Diagram of one connection; ends with a newline.
pub(super) fn sequence(ladder: &Ladder, style: &TextStyle) -> String {
    let mut page = String::from("sequenceDiagram\n");
    let began = ladder.began.map_or_else(String::new, |at| format!(" {}", style.time(at)));
    let _ = writeln!(page, "    %% connection {}{began}", ladder.id.0);
    let roles = if ladder.roles { Pair { left: "client ", right: "server " } } else { Pair::default() };
    for (side, end) in ladder.ends.iter() {
        let (id, role) = (participant(side), roles[side]);
        let address = plain(&end.address.to_string());
        let _ = writeln!(page, "    participant {id} as {role}{address}<br/>{}", plain(&who(end)));
    }
    for row in &ladder.rows {
        match row {
            Row::Still(marks) => {
                marks.iter().for_each(|(side, mark)| note(&mut page, side, mark.as_ref(), true))
            }
            Row::Arrow(arrow) => {
                note(&mut page, arrow.from, arrow.sent.as_ref(), false);
                segment(&mut page, arrow);
                note(&mut page, arrow.from.other(), arrow.received.as_ref(), false);
            }
            Row::Crossing(Pair { left, right }) => {
                for arrow in [left, right] {
                    note(&mut page, arrow.from, arrow.sent.as_ref(), false);
                }
                for arrow in [left, right] {
                    segment(&mut page, arrow);
                }
                for arrow in [right, left] {
                    note(&mut page, arrow.from.other(), arrow.received.as_ref(), false);
                }
            }
            Row::Departs(arrow) => {
                note(&mut page, arrow.from, arrow.sent.as_ref(), false);
                segment(&mut page, arrow);
            }
            // Mermaid knows no slant: the arrow stands where it left.
            Row::Arrives(arrow) => note(&mut page, arrow.from.other(), arrow.received.as_ref(), false),
        }
    }
    page
}

/// Writes a note beside a participant on the state that it is in; `aloud` with its words.
fn note(page: &mut String, side: Side, mark: Option<&StateMark>, aloud: bool) {
    let Some(mark) = mark else { return };
    let id = participant(side);
    let _ = write!(page, "    Note {id} of {id}: {}", name(mark.state));
    if let Some(ns) = mark.since_ns {
        let _ = write!(page, " {}", plain(&since(ns)));
    }
    if aloud && !mark.words.is_empty() {
        let _ = write!(page, "<br/>{}", plain(&mark.words));
    }
    page.push('\n');
}

/// Writes an arrow, with a cross at its end if nobody knows whether it arrived.
fn segment(page: &mut String, arrow: &Arrow) {
    let (from, to) = (participant(arrow.from), participant(arrow.from.other()));
    let line = if arrow.unanswered { "--x" } else { "->>" };
    let _ = write!(page, "    {from}{line}{to}: {}", arrow.segment.name());
    if !arrow.words.is_empty() {
        let _ = write!(page, " ({})", plain(&arrow.words));
    }
    page.push('\n');
}

/// The text, written so that Mermaid and Markdown take it as nothing but text.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | ' ' | '.' | ',' | '/' | '_' | '+' | '(' | ')' => {
                plain.push(c)
            }
            c => {
                let _ = write!(plain, "#{};", u32::from(c));
            }
        }
    }
    plain
}
