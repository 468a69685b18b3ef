//! Recordings: the JSON lines of a trace, written and read back.
//!
//! The reader is the inverse of the writer: of any line that this version wrote it makes the record that was written. Of
//! anything else it takes what is good, and counts what it left out.

mod left_out;
mod line;
mod lines;
mod put;
mod read;
mod text;
mod values;
mod words;
mod write;

pub use left_out::LeftOut;
pub(crate) use line::Timer;
pub use lines::{Item, Reader};
pub(crate) use put::{Object, Put};
pub use read::{Broken, read};
pub(crate) use text::Word;
pub(crate) use write::append_line;
pub use write::{append, write};
