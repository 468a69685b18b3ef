//! The formats: one trait, one file each. They write bytes and know nothing of terminals, files or clocks.

mod describe;
mod duration;
mod json;
mod layout;
mod list;
mod palette;
mod report;
mod sink;
mod stuck;
mod style;
mod summary;
mod text;
mod width;

use std::io::{self, Write};

pub use describe::{
    EXISTING_TEXT, ORPHAN_TEXT, describe_cause, describe_reset, describe_retransmit, describe_signal,
    describe_transition, marked,
};
use duration::append_short;
pub use duration::short;
pub use json::Json;
pub use layout::Line;
pub use list::{Table, write_listed};
pub use palette::{Palette, Phase};
pub use report::ConnectionReport;
pub use sink::Sink;
pub use stuck::describe_stuck;
pub use style::TextStyle;
pub use summary::describe_summary;
pub use text::{Text, arrow, describe_loss, describe_totals, owner, since};
pub(crate) use width::width;

use crate::{
    connection::{ConnectionHistory, ConnectionTable},
    pipeline::{Ending, Needs},
    record::Record,
};

/// A format for the records of a trace.
pub trait Render {
    /// Needs of the format besides the records.
    fn needs(&self) -> Needs {
        Needs::default()
    }

    /// Writes one record, whole lines only.
    ///
    /// # Errors
    /// Only those of `out`.
    fn record(&mut self, out: &mut dyn Write, record: &Record) -> io::Result<()>;

    /// Writes what there is to say of a connection that has just closed.
    ///
    /// # Errors
    /// Only those of `out`.
    fn connection(&mut self, out: &mut dyn Write, history: &ConnectionHistory) -> io::Result<()> {
        let _ = (out, history);
        Ok(())
    }

    /// Writes what there is to say at the end.
    ///
    /// # Errors
    /// Only those of `out`.
    fn finish(
        &mut self,
        out: &mut dyn Write,
        ending: &Ending,
        connections: &ConnectionTable,
    ) -> io::Result<()>;
}
