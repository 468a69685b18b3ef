//! The beginning of a trace, in a record: what it sees.

use crate::time::Moment;

/// The beginning of a trace: everything is attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// When.
    pub at: Moment,
    /// Version of tcptrace.
    pub version: String,
    /// The hook in use: `btf` or `tracepoint`.
    pub probe: String,
    /// Why not the better one.
    pub fallback: Option<String>,
    /// Release of the kernel.
    pub kernel: String,
    /// What is traced, in the words of the command line; empty for everything.
    pub filter: String,
    /// What is seen besides state changes, by name.
    pub sees: Vec<String>,
    /// What is not seen, though it was tried, and why.
    pub unseen: Vec<Unseen>,
}

/// A hook that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unseen {
    /// What it would see, by name.
    pub what: String,
    /// In one line.
    pub why: String,
}
