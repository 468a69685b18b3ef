//! The kernel side seen from user space: load, attach, drain, count. The only module that names aya.

mod accounting;
mod attach;
mod btf;
mod explain;
mod extras;
mod format;
mod layout;
mod ring;
mod symbols;

pub use accounting::Accounting;
pub use attach::{Attached, Choice, Hook, Refusal, Settings, attach};
#[cfg(any(test, fuzzing))]
pub(crate) use btf::{Btf, BtfError};
pub use explain::RAISE;
pub use extras::Extra;
#[cfg(any(test, fuzzing))]
pub(crate) use format::{LONGEST, parse as parse_format};
pub use ring::Reader;
