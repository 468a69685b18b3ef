//! What a trace does while nothing happens: nothing.

use super::{pipe::Piped, usage, world::in_a_namespace};
use anyhow::Result;
use std::{thread, time::Duration};

/// Measure context switches and CPU time without traffic (goal: none)
#[derive(clap::Args)]
pub(super) struct Options {
    /// How long
    #[arg(long, default_value_t = 10)]
    seconds: u64,
}

/// Prints both.
pub(super) fn main(options: &Options) -> Result<()> {
    let (switches, cpu) = in_a_namespace(|| {
        let mut tracer = Piped::start()?;
        tracer.wait_for(1)?;
        // It has the list to make, and drains until there is nothing more.
        thread::sleep(Duration::from_secs(2));
        let used = || anyhow::Ok((usage::context_switches(tracer.pid())?, usage::cpu(tracer.pid())?));
        let before = used()?;
        thread::sleep(Duration::from_secs(options.seconds));
        let after = used()?;
        tracer.stop()?;
        Ok((after.0 - before.0, after.1.saturating_sub(before.1)))
    })?;
    println!("{} s without traffic: {switches} context switches, {cpu:?} CPU", options.seconds);
    Ok(())
}
