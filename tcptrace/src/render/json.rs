//! JSON lines for pipelines: the outside contract, described by `schema/records.schema.json`, written in `recording`.

use std::io::{self, Write};

use super::Render;
use crate::{record::Record, recording};

/// JSON lines.
#[derive(Clone, Copy, Debug, Default)]
pub struct Json;

impl Render for Json {
    fn write(&mut self, out: &mut dyn Write, record: &Record) -> io::Result<()> {
        recording::write(out, record)
    }
}
