//! The formats: one trait, one file each. They write bytes and know nothing of terminals, files or clocks.

mod describe;
mod duration;
mod json;
mod layout;
mod list;
mod palette;
mod report;
mod stuck;
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
pub use report::{ConnectionReport, Listed, Now};
pub use stuck::describe_stuck;
pub use summary::describe_summary;
pub use text::{Text, arrow, describe_loss, describe_totals, owner, since};
pub(crate) use width::width;

use crate::record::Record;

/// A format for records.
pub trait Render {
    /// Writes one record, whole lines only.
    ///
    /// # Errors
    /// Only those of `out`.
    fn write(&mut self, out: &mut dyn Write, record: &Record) -> io::Result<()>;
}
