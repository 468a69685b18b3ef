//! The formats: one trait, one file each. They write bytes and know nothing of terminals, files or clocks.

mod duration;
mod json;
mod layout;
mod list;
mod palette;
mod stuck;
mod text;
mod verdict;
mod width;
mod words;

use std::io::{self, Write};

use duration::append_short;
pub use duration::short;
pub use json::Json;
pub use layout::Line;
pub use list::{Table, write_listed};
pub use palette::{Palette, Phase};
pub use stuck::stuck_words;
pub use text::{Text, arrow, lost_words, owner, since, totals_words};
pub use verdict::verdict_words;
pub(crate) use width::width;
pub use words::{
    EXISTING_WORDS, ORPHAN_WORDS, cause_words, exit_words, marked, reset_words, sent_again_words,
    transition_words,
};

use crate::record::Record;

/// A format for records.
pub trait Render {
    /// Writes one record, whole lines only.
    ///
    /// # Errors
    /// Only those of `out`.
    fn write(&mut self, out: &mut dyn Write, record: &Record) -> io::Result<()>;
}
