//! JSON lines for pipelines: the outside contract, described by `schema/records.schema.json`, written in `recording`.

use std::io::{self, Write};

use super::Render;
use crate::{record::Record, recording};

/// JSON lines.
#[derive(Clone, Debug, Default)]
pub struct Json {
    line: Vec<u8>,
}

impl Render for Json {
    fn write(&mut self, out: &mut dyn Write, record: &Record) -> io::Result<()> {
        self.line.clear();
        recording::append(&mut self.line, record);
        // At one go, so that no buffer on the way hands on half a line.
        out.write_all(&self.line)
    }
}
