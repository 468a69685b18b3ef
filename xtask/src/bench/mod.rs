//! `cargo xtask bench`: what tracing costs, in paired rounds on this machine.
//!
//! Single times mean little on a busy machine, so every round runs all contenders, and only ratios within a round count.

mod flood;
mod watcher;

use crate::{child, workspace};
use anyhow::{Result, bail};
use watcher::Watcher;

/// Measure what tracing costs, against no tracer and against tcpstates
#[derive(clap::Args)]
pub struct Options {
    /// Rounds; each runs every contender once
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Connections in each run
    #[arg(long, default_value_t = 20_000)]
    connections: u32,
}

/// Runs the rounds and prints one table.
pub fn main(options: Options) -> Result<()> {
    if !workspace::is_root() {
        bail!("measure: tracing needs root; run this as root");
    }
    let mut build = workspace::cargo("build");
    build.args(["--quiet", "--release", "--package", "tcptrace", "--bins"]);
    child::run(&mut build)?;

    let contenders = watcher::contenders()?;
    let mut rates: Vec<Vec<f64>> = vec![Vec::new(); contenders.len()];
    let mut costs: Vec<Option<watcher::Cost>> = vec![None; contenders.len()];
    // One run that does not count, so that the first contender does not pay for cold caches.
    flood::run(options.connections)?;
    for round in 0..options.rounds {
        for (i, contender) in contenders.iter().enumerate() {
            let watcher = Watcher::start(contender)?;
            let rate = flood::run(options.connections)?;
            if let Some(cost) = watcher.stop()? {
                costs[i] = Some(cost);
            }
            eprintln!("round {}: {:<28} {rate:>8.0} connections/s", round + 1, contender.name);
            rates[i].push(rate);
        }
    }
    println!("{:<28} {:>8} {:>12} {:>9} {:>9}", "tracer", "ratio", "range", "CPU/event", "peak RSS");
    for (i, contender) in contenders.iter().enumerate() {
        let mut ratios: Vec<f64> =
            rates[i].iter().zip(&rates[0]).map(|(rate, untraced)| rate / untraced).collect();
        ratios.sort_by(f64::total_cmp);
        let median = ratios[ratios.len() / 2];
        let range = format!("{:.2}–{:.2}", ratios[0], ratios[ratios.len() - 1]);
        let (cpu, rss) = costs[i].as_ref().map_or((String::new(), String::new()), |cost| {
            let events = f64::from(options.connections) * 6.0;
            (format!("{:.2} µs", cost.cpu_seconds / events * 1e6), format!("{} KiB", cost.peak_rss_kib))
        });
        println!("{:<28} {median:>8.3} {range:>12} {cpu:>9} {rss:>9}", contender.name);
    }
    println!("\n{}", watcher::kernel_cost(options.connections)?);
    Ok(())
}
