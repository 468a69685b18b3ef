//! JSON lines for pipelines: the outside contract, described by `schema/records.schema.json`, written in `recording`.

use std::io::{self, Write};

use super::Render;
use crate::{
    connection::{ConnectionHistory, ConnectionTable},
    pipeline::{Ending, Needs},
    record::{ConnectionSummary, Record},
    recording,
    time::Moment,
};

/// JSON lines.
#[derive(Clone, Debug, Default)]
pub struct Json {
    line: Vec<u8>,
}

impl Json {
    /// Writes the summary of a connection that is over, or open at the moment `open_at`.
    fn summary(
        &mut self,
        out: &mut dyn Write,
        history: &ConnectionHistory,
        open_at: Option<Moment>,
    ) -> io::Result<()> {
        match ConnectionSummary::on(history, open_at) {
            Some(summary) => self.record(out, &Record::Connection(Box::new(summary))),
            None => Ok(()),
        }
    }
}

impl Render for Json {
    fn needs(&self) -> Needs {
        Needs { connections: true, ..Needs::default() }
    }

    fn record(&mut self, out: &mut dyn Write, record: &Record) -> io::Result<()> {
        self.line.clear();
        recording::append(&mut self.line, record);
        // At one go, so that no buffer on the way hands on half a line.
        out.write_all(&self.line)
    }

    fn connection(&mut self, out: &mut dyn Write, history: &ConnectionHistory) -> io::Result<()> {
        self.summary(out, history, None)
    }

    fn finish(
        &mut self,
        out: &mut dyn Write,
        ending: &Ending,
        connections: &ConnectionTable,
    ) -> io::Result<()> {
        connections.open().try_for_each(|history| self.summary(out, &history, Some(ending.open_at)))?;
        // To a program, a trace without its end was cut off, and such a recording was.
        if ending.is_complete { self.record(out, &Record::End(ending.end)) } else { Ok(()) }
    }
}
