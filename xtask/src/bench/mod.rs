//! `cargo xtask bench`: what tracing costs, and whether the goals for time and memory hold, on this machine.
//!
//! Single times mean little on a busy machine: every figure is a median with its range, and what is compared is
//! interleaved. All traffic is on loopback in network namespaces of its own.

mod contenders;
mod entry;
mod figures;
mod flood;
mod hold;
mod idle;
mod latency;
mod memory;
mod pipe;
mod plot;
mod programs;
mod rounds;
mod start;
mod table;
mod usage;
mod watcher;
mod world;

use crate::{child, workspace};
use anyhow::{Result, bail};

/// Measure what tracing costs, against no tracer and against other tracers
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Options {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    rounds: rounds::Comparison,
}

#[derive(clap::Subcommand)]
enum What {
    Latency(latency::Options),
    Start(start::Options),
    Memory(memory::Options),
    Idle(idle::Options),
    #[command(hide = true)]
    Hold(hold::Options),
}

/// Builds what is measured, and measures it.
pub fn main(options: Options) -> Result<()> {
    if let Some(What::Hold(options)) = options.what {
        return hold::main(options);
    }
    if !workspace::is_root() {
        bail!("measure: tracing needs root; run this as root");
    }
    let mut build = workspace::cargo("build");
    build.args(["--quiet", "--release", "--package", "tcptrace", "--bins"]);
    child::run(&mut build)?;
    match options.what {
        None => rounds::main(&options.rounds),
        Some(What::Latency(options)) => latency::main(&options),
        Some(What::Start(options)) => start::main(&options),
        Some(What::Memory(options)) => memory::main(&options),
        Some(What::Idle(options)) => idle::main(&options),
        Some(What::Hold(_)) => Ok(()),
    }
}
