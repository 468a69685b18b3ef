//! The two formats: each connection is written when it is over, and those still open at the end.

use std::io::{self, Write};

use super::{INFERRED_TEXT, Ladder, Picture, mermaid};
use crate::{
    connection::{ConnectionHistory, ConnectionTable},
    pipeline::{Ending, Needs},
    record::Record,
    render::{Line, Render, TextStyle, describe_loss, describe_totals},
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
    style: TextStyle,
    has_begun: bool,
}

impl Ladders {
    /// Ladders in this notation and style.
    #[must_use]
    pub const fn new(notation: Notation, style: TextStyle) -> Self {
        Self { notation, style, has_begun: false }
    }
}

impl Render for Ladders {
    fn needs(&self) -> Needs {
        Needs { connections: true, segments: true, ..Needs::default() }
    }

    fn record(&mut self, out: &mut dyn Write, record: &Record) -> io::Result<()> {
        match record {
            // Once is enough: a recording may have several traces.
            Record::Start(_) if !std::mem::replace(&mut self.has_begun, true) => {
                writeln!(out, "{INFERRED_TEXT}")
            }
            Record::Lost(lost) => {
                writeln!(out)?;
                let plain = anstyle::Style::new();
                Line::new(self.style.width).prose(plain, &describe_loss(lost.count, lost.reason)).write(out)
            }
            _ => Ok(()),
        }
    }

    fn connection(&mut self, out: &mut dyn Write, history: &ConnectionHistory) -> io::Result<()> {
        let Some(ladder) = Ladder::of(history) else { return Ok(()) };
        // At one go, so that no buffer on the way hands on half a ladder.
        let text = match self.notation {
            Notation::Picture => format!("\n{}", Picture::new(&self.style, &ladder).draw()),
            Notation::Mermaid => format!("\n```mermaid\n{}```\n", mermaid::sequence(&ladder, &self.style)),
        };
        out.write_all(text.as_bytes())
    }

    fn finish(
        &mut self,
        out: &mut dyn Write,
        ending: &Ending,
        connections: &ConnectionTable,
    ) -> io::Result<()> {
        connections.open().try_for_each(|history| self.connection(out, &history))?;
        writeln!(out, "\n{}", describe_totals(&ending.end.totals))
    }
}
