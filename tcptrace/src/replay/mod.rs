//! Recordings as a source of records: one as it is, or those of several hosts as one trace.

mod join;
mod merge;
#[cfg(test)]
mod properties;
mod recorded;

pub use merge::{Merge, Read};
pub use recorded::{Left, Recorded};
