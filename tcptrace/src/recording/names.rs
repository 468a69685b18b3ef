//! Names in lines that need what stands beside them, or that no enum has.

use crate::record::{Context, Inference};

/// Name of the directions of a `shutdown()`, for the field `how`.
pub(super) const fn how(both: bool) -> &'static str {
    if both { "both" } else { "write" }
}

/// Whether a `shutdown()` by this name was of both directions.
pub(super) fn both(name: &str) -> Option<bool> {
    [true, false].into_iter().find(|both| how(*both) == name)
}

pub(super) const PROCESS: &str = "process";
pub(super) const SOFTIRQ: &str = "softirq";
pub(super) const INFERRED: &str = "inferred";

/// Context with this name; `None` for a conclusion without what it rests on, which has a field of its own.
pub(super) fn context(name: &str, from: Option<Inference>) -> Option<Context> {
    match name {
        PROCESS => Some(Context::Process),
        SOFTIRQ => Some(Context::Softirq),
        INFERRED => from.map(Context::Inferred),
        _ => None,
    }
}
