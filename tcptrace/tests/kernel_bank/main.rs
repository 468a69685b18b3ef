//! The scenario bank: the ways through TCP's states as a table. A case is a script, and the lives that come of it.
//!
//! Each runs in a network namespace of its own, every process in it has a name, and both the tracer and `ss`, which is
//! asked again and again meanwhile, must tell the same. [`notation`] says how to write one. With `TCPTRACE_BANK_REPORT`
//! naming a file, each leaves a row of a Markdown table in it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[path = "../harness/mod.rs"]
#[expect(dead_code, reason = "each file of tests uses its part")]
mod harness;

mod judge;
mod machine;
mod notation;
mod play;
mod programs;
mod report;
mod witness;
mod world;

/// A table of cases: each is a test of its own.
macro_rules! bank {
    ($($(#[$about:meta])* $name:ident: $case:literal)*) => {
        $($(#[$about])* #[test] fn $name() { crate::play::play(stringify!($name), $case); })*
    };
}

mod cases {
    mod closing;
    mod ending;
    mod failing;
    mod listening;
    mod opening;
    mod owning;
    mod waiting;
}
