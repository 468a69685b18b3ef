//! The ladder as a sequence diagram in Mermaid's language.
//!
//! Names come from outside: everything but plain letters, digits and a few signs is written as an entity (`#60;`), so no
//! name can end a line, a block of Markdown, or the diagram.

use std::fmt::Write as _;

use super::{
    Arrow, Ladder, Row, StateMark,
    picture::{name, who},
};
use crate::render::{TextStyle, since};

/// Names of the participants.
const ENDS: [&str; 2] = ["left", "right"];

/// The diagram of one connection; ends with a newline.
pub(super) fn sequence(ladder: &Ladder, style: &TextStyle) -> String {
    let mut page = String::from("sequenceDiagram\n");
    let began = ladder.began.map_or_else(String::new, |at| format!(" {}", style.time(at)));
    let _ = writeln!(page, "    %% connection {}{began}", ladder.id.0);
    let roles = if ladder.roles { ["client ", "server "] } else { ["", ""] };
    for ((id, role), end) in ENDS.into_iter().zip(roles).zip(&ladder.ends) {
        let address = plain(&end.address.to_string());
        let _ = writeln!(page, "    participant {id} as {role}{address}<br/>{}", plain(&who(end)));
    }
    for row in &ladder.rows {
        match row {
            Row::Still(marks) => {
                marks.iter().enumerate().for_each(|(at, mark)| note(&mut page, at, mark.as_ref(), true))
            }
            Row::Arrow(arrow) => {
                note(&mut page, arrow.from, arrow.sent.as_ref(), false);
                segment(&mut page, arrow);
                note(&mut page, 1 - arrow.from, arrow.received.as_ref(), false);
            }
            Row::Crossing(right, left) => {
                for arrow in [right, left] {
                    note(&mut page, arrow.from, arrow.sent.as_ref(), false);
                }
                for arrow in [right, left] {
                    segment(&mut page, arrow);
                }
                for arrow in [left, right] {
                    note(&mut page, 1 - arrow.from, arrow.received.as_ref(), false);
                }
            }
            Row::Departs(arrow) => {
                note(&mut page, arrow.from, arrow.sent.as_ref(), false);
                segment(&mut page, arrow);
            }
            // Mermaid knows no slant: the arrow stands where it left.
            Row::Arrives(arrow) => note(&mut page, 1 - arrow.from, arrow.received.as_ref(), false),
        }
    }
    page
}

fn note(page: &mut String, place: usize, mark: Option<&StateMark>, aloud: bool) {
    let Some(mark) = mark else { return };
    let side = ["left", "right"][place];
    let _ = write!(page, "    Note {side} of {}: {}", ENDS[place], name(mark.state));
    if let Some(ns) = mark.since_ns {
        let _ = write!(page, " {}", plain(&since(ns)));
    }
    if aloud && !mark.words.is_empty() {
        let _ = write!(page, "<br/>{}", plain(&mark.words));
    }
    page.push('\n');
}

/// An arrow; with a cross at its end if nobody knows whether it arrived.
fn segment(page: &mut String, arrow: &Arrow) {
    let (from, to) = (ENDS[arrow.from], ENDS[1 - arrow.from]);
    let line = if arrow.unanswered { "--x" } else { "->>" };
    let _ = write!(page, "    {from}{line}{to}: {}", arrow.segment.name());
    if !arrow.words.is_empty() {
        let _ = write!(page, " ({})", plain(&arrow.words));
    }
    page.push('\n');
}

/// Text that Mermaid and Markdown take as nothing but text.
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
