//! The memory of a trace: idle, with connections that it has seen open, and with those that were there before.

use super::{contenders, hold::Holders, usage, watcher::Watcher, world::in_a_namespace};
use anyhow::{Context, Result};

/// Measure memory in RAM (goal: 15 MiB idle, 64 MiB with 100,000 open connections)
#[derive(clap::Args)]
pub(super) struct Options {
    /// Open connections, both ends of each on this host
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    connections: u32,
    /// How tcptrace writes
    #[arg(long, value_name = "FORMAT", value_delimiter = ',', default_values = ["json", "text"])]
    format: Vec<String>,
}

/// Prints a row for each situation.
pub(super) fn main(options: &Options) -> Result<()> {
    let connections = options.connections;
    println!("{:<44} {:>9} {:>9} {:>15}", "MiB", "now", "peak", "bytes/connection");
    for format in &options.format {
        let contender = contenders::with_format(format);
        let start = || Watcher::start(&contender)?.context("start a tracer");
        in_a_namespace(|| {
            let mut holders = Holders::default();
            let tracer = start()?;
            let idle = usage::memory(tracer.pid())?;
            row(&format!("{format}, idle"), idle, None);
            holders.open(connections)?;
            tracer.rest()?;
            let grown = |memory: usage::Memory| {
                Some(memory.now.saturating_sub(idle.now) * 1024 / u64::from(connections.max(1)))
            };
            let seen = usage::memory(tracer.pid())?;
            row(&format!("{format}, {connections} connections opened meanwhile"), seen, grown(seen));
            tracer.stop()?;
            let tracer = start()?;
            // It says that it is attached, and lists then.
            tracer.rest()?;
            let found = usage::memory(tracer.pid())?;
            row(&format!("{format}, {connections} connections there before"), found, grown(found));
            tracer.stop().map(|_| ())
        })?;
    }
    Ok(())
}

fn row(name: &str, memory: usage::Memory, each: Option<u64>) {
    let mib = |kib: u64| kib as f64 / 1024.0;
    let each = each.map_or_else(String::new, |each| each.to_string());
    println!("{name:<44} {:>9.1} {:>9.1} {each:>15}", mib(memory.now), mib(memory.peak));
}
