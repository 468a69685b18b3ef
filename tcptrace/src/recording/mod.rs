//! Recordings: the JSON lines of a trace, written and read back.
//!
//! The reader is the inverse of the writer: of any line that this version wrote it makes the record that was written.
//! Of anything else it takes what is good, and counts what it skipped.

mod line;
mod lines;
mod names;
mod read;
mod skipped;
mod text;
mod values;
mod write;
mod write_json;

pub(crate) use line::Timer;
pub use lines::{Item, Reader};
pub use read::{Broken, read};
pub use skipped::SkippedReport;
pub(crate) use text::Word;
pub(crate) use write::append_line;
pub use write::{append, write};
pub(crate) use write_json::{Object, WriteJson};
