//! Names in lines that need what stands beside them, or that no enum has.

use crate::record::{Context, Inference};

/// Directions of a `shutdown()`, as the field `how` has them.
pub(super) const fn how(both: bool) -> &'static str {
    if both { "both" } else { "write" }
}

/// Whether a `shutdown()` by this name was of both directions.
pub(super) fn both(name: &str) -> Option<bool> {
    [true, false].into_iter().find(|both| how(*both) == name)
}

/// Name of a context. What it is concluded from has a field of its own.
pub(super) const fn context_name(context: Context) -> &'static str {
    match context {
        Context::Process => "process",
        Context::Softirq => "softirq",
        Context::Inferred(_) => "inferred",
    }
}

/// Context with this name; `None` for a conclusion without what it rests on.
pub(super) fn context(name: &str, from: Option<Inference>) -> Option<Context> {
    [Some(Context::Process), Some(Context::Softirq), from.map(Context::Inferred)]
        .into_iter()
        .flatten()
        .find(|context| context_name(*context) == name)
}
