//! An output: a format and where its bytes go. One that fails ends by itself, and counts what it lacks.

use std::io::{self, Write};

use super::Render;
use crate::{
    connection::{ConnectionHistory, ConnectionTable},
    pipeline::{Ending, Needs, Observer},
    record::Record,
};

/// A format that writes to `W`.
pub struct Sink<W> {
    format: Box<dyn Render>,
    out: W,
    failure: Option<io::Error>,
    missed: u64,
}

impl<W: Write> Sink<W> {
    /// An output in this format, to this place.
    #[must_use]
    pub fn new(format: Box<dyn Render>, out: W) -> Self {
        Self { format, out, failure: None, missed: 0 }
    }

    /// Output it writes to.
    #[must_use]
    pub const fn out(&self) -> &W {
        &self.out
    }

    /// The same, to change it.
    pub const fn out_mut(&mut self) -> &mut W {
        &mut self.out
    }

    /// Why it has ended, if it has.
    #[must_use]
    pub const fn failure(&self) -> Option<&io::Error> {
        self.failure.as_ref()
    }

    /// Events that came after its failure.
    #[must_use]
    pub const fn missed(&self) -> u64 {
        self.missed
    }

    /// Ends it, for this reason; the first one counts.
    pub fn fail(&mut self, error: io::Error) {
        self.failure.get_or_insert(error);
    }

    /// Does something with format and output, unless it has failed.
    fn attempt(&mut self, write: impl FnOnce(&mut dyn Render, &mut W) -> io::Result<()>) {
        if self.failure.is_none()
            && let Err(error) = write(self.format.as_mut(), &mut self.out)
        {
            self.fail(error);
        }
    }
}

impl<W: Write> Observer for Sink<W> {
    fn needs(&self) -> Needs {
        self.format.needs()
    }

    fn record(&mut self, record: &Record) {
        if self.failure.is_some() {
            self.missed += u64::from(record.is_event());
        }
        self.attempt(|format, out| format.record(out, record));
    }

    fn connection(&mut self, history: &ConnectionHistory) {
        self.attempt(|format, out| format.connection(out, history));
    }

    fn flush(&mut self) {
        self.attempt(|_, out| out.flush());
    }

    fn finish(&mut self, ending: &Ending, connections: &ConnectionTable) {
        self.attempt(|format, out| format.finish(out, ending, connections));
    }
}
