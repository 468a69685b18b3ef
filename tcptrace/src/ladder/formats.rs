//! The two formats: each connection is written when it is over, and those still open at the end.

use std::io::{self, Write};

use super::{INFERRED_TEXT, Ladder, Picture, mermaid};
use crate::{
    connection::{ConnectionHistory, ConnectionTable, Keep},
    record::Record,
    render::{Line, Render, Text, describe_loss, describe_totals},
};

/// How ladders are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notation {
    /// Drawn with characters.
    Picture,
    /// As Mermaid's sequence diagrams, each in a block of its own, as Markdown wants them.
    Mermaid,
}

/// Connections as ladders.
#[derive(Debug)]
pub struct Ladders {
    notation: Notation,
    style: Text,
    table: ConnectionTable,
}

impl Ladders {
    /// With this time zone, these colours, and this width.
    #[must_use]
    pub fn new(notation: Notation, style: Text) -> Self {
        Self { notation, style, table: ConnectionTable::new(Keep::All) }
    }

    fn draw(&self, out: &mut dyn Write, history: &ConnectionHistory) -> io::Result<()> {
        let Some(ladder) = Ladder::of(history) else { return Ok(()) };
        // At one go, so that no buffer on the way hands on half a ladder.
        let text = match self.notation {
            Notation::Picture => format!("\n{}", Picture::new(&self.style, &ladder).draw()),
            Notation::Mermaid => format!("\n```mermaid\n{}```\n", mermaid::sequence(&ladder, &self.style)),
        };
        out.write_all(text.as_bytes())
    }
}

impl Render for Ladders {
    fn write(&mut self, out: &mut dyn Write, record: &Record) -> io::Result<()> {
        match record {
            Record::Start(_) => writeln!(out, "{INFERRED_TEXT}"),
            Record::Lost(lost) => {
                writeln!(out)?;
                let plain = anstyle::Style::new();
                Line::new(self.style.width).prose(plain, &describe_loss(lost.count, lost.reason)).write(out)
            }
            Record::End(end) => {
                self.table.histories().try_for_each(|history| self.draw(out, &history))?;
                writeln!(out, "\n{}", describe_totals(&end.totals))
            }
            Record::Stuck(_) | Record::Connection(_) => Ok(()),
            _ => {
                self.table.add(record);
                self.table.drain_closed().iter().try_for_each(|history| self.draw(out, history))
            }
        }
    }
}
