//! The two formats: each connection is written when it is over, and those still open at the end.

use std::io::{self, Write};

use super::{INFERRED_WORDS, Ladder, Picture, mermaid};
use crate::{
    record::Record,
    render::{Line, Render, Text, lost_words, totals_words},
    report::{Account, Keep, Ledger},
};

/// How ladders are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Drawn with characters.
    Picture,
    /// As Mermaid's sequence diagrams, each in a block of its own, as Markdown wants them.
    Mermaid,
}

/// Connections as ladders.
#[derive(Debug)]
pub struct Ladders {
    style: Style,
    look: Text,
    ledger: Ledger,
}

impl Ladders {
    /// With this time zone, these colours, and this width.
    #[must_use]
    pub fn new(style: Style, look: Text) -> Self {
        Self { style, look, ledger: Ledger::new(Keep::All) }
    }

    fn draw(&self, out: &mut dyn Write, account: &Account) -> io::Result<()> {
        let Some(ladder) = Ladder::of(account) else { return Ok(()) };
        // At one go, so that no buffer on the way hands on half a ladder.
        let text = match self.style {
            Style::Picture => format!("\n{}", Picture::new(&self.look, &ladder).draw()),
            Style::Mermaid => format!("\n```mermaid\n{}```\n", mermaid::sequence(&ladder, &self.look)),
        };
        out.write_all(text.as_bytes())
    }
}

impl Render for Ladders {
    fn write(&mut self, out: &mut dyn Write, record: &Record) -> io::Result<()> {
        match record {
            Record::Start(_) => writeln!(out, "{INFERRED_WORDS}"),
            Record::Lost(lost) => {
                writeln!(out)?;
                let plain = anstyle::Style::new();
                Line::new(self.look.width).prose(plain, &lost_words(lost.count, lost.reason)).write(out)
            }
            Record::End(end) => {
                self.ledger.accounts().try_for_each(|account| self.draw(out, &account))?;
                writeln!(out, "\n{}", totals_words(&end.totals))
            }
            Record::Stuck(_) | Record::Connection(_) => Ok(()),
            _ => {
                self.ledger.add(record);
                self.ledger.settle().iter().try_for_each(|account| self.draw(out, account))
            }
        }
    }
}
