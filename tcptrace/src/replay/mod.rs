//! Recordings told again: one as it was, or those of several hosts as one story.

mod join;
mod merge;
#[cfg(test)]
mod properties;
mod recorded;

pub use merge::Merge;
pub use recorded::{Left, Recorded};
