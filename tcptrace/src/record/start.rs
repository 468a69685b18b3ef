//! The beginning of a trace, as a record: its hooks and its filter.

use crate::time::Moment;

/// Beginning of a trace: everything is attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// Moment of the beginning.
    pub at: Moment,
    /// Version of tcptrace.
    pub version: String,
    /// Hook in use: `btf` or `tracepoint`.
    pub probe: String,
    /// Reason why the better hook is not in use.
    pub fallback: Option<String>,
    /// Release of the kernel.
    pub kernel: String,
    /// Filter, in the words of the command line; empty if everything is traced.
    pub filter: String,
    /// Names of what is seen besides state changes.
    pub sees: Vec<String>,
    /// Hooks that were tried and cannot be used.
    pub unseen: Vec<Unseen>,
}

/// Hook that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unseen {
    /// Name of what it would see.
    pub what: String,
    /// Reason, in one line.
    pub why: String,
}
