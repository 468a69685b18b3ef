//! The comparison: every round runs the same flood under every contender, so that what changes on the machine meanwhile
//! meets them all. Only ratios within a round count.

use super::{
    contenders::{self, Contender},
    entry::{Entry, Run},
    flood::Flood,
    plot, programs, table,
    watcher::{Cost, Watcher},
    world::in_a_namespace,
};
use anyhow::{Context, Result};
use std::{fs, path::PathBuf};

#[derive(clap::Args)]
pub(super) struct Comparison {
    /// Rounds; each runs every contender once
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    #[command(flatten)]
    flood: Flood,
    /// Write every single run to this file
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Draw the rounds into this file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// Runs the rounds and prints one table.
pub(super) fn main(options: &Comparison) -> Result<()> {
    let Comparison { rounds, flood, csv, svg } = options;
    let entry = |contender| Entry { contender, runs: Vec::new(), kernel_ns: None, misses: None };
    let mut entries: Vec<Entry> = contenders::all().into_iter().map(entry).collect();
    // One run that does not count, so that the first contender does not pay for cold caches.
    in_a_namespace(|| flood.run())?;
    for round in 1..=*rounds {
        // Nobody is always the one after another: each round begins with the next contender.
        let mut order: Vec<usize> = (0..entries.len()).collect();
        order.rotate_left(round as usize % entries.len());
        let mut measured = Vec::new();
        for place in order {
            let contender = &entries[place].contender;
            let (rate, cost) = run(contender, flood)?;
            eprintln!("round {round}: {:<26} {rate:>8.0} connections/s", contender.name);
            measured.push((place, rate, cost));
        }
        let untraced = measured.iter().find(|(place, ..)| *place == 0).map_or(f64::NAN, |(_, rate, _)| *rate);
        for (place, rate, cost) in measured {
            entries[place].runs.push(Run { round, rate, ratio: rate / untraced, cost });
        }
    }
    programs::while_counted(|| entries.iter_mut().try_for_each(|entry| count(entry, flood)))?;
    println!("{flood}, rounds: {rounds}, median (range)\n\n{}", table::text(&entries, flood));
    for (path, text) in
        [(csv, table::csv(&entries, flood)), (svg, plot::svg(&entries, &flood.to_string(), flood.changes()))]
    {
        if let Some(path) = path {
            fs::write(path, text).with_context(|| format!("write {}", path.display()))?;
        }
    }
    Ok(())
}

/// One flood under a contender.
fn run(contender: &Contender, flood: &Flood) -> Result<(f64, Option<Cost>)> {
    let watcher = Watcher::start(contender)?;
    in_a_namespace(|| {
        let rate = flood.run()?;
        // Ended before the namespace is, which closes what is still in TIME_WAIT.
        Ok((rate, watcher.map(Watcher::stop).transpose()?))
    })
}

/// Time that a contender's programs take: in a run of its own, because the kernel's counting costs time.
fn count(entry: &mut Entry, flood: &Flood) -> Result<()> {
    let Some(watcher) = Watcher::start(&entry.contender)? else { return Ok(()) };
    let before = programs::runs(watcher.pid());
    let runs = in_a_namespace(|| {
        flood.run()?;
        let runs = programs::runs(watcher.pid()) - before;
        watcher.stop()?;
        Ok(runs)
    })?;
    entry.kernel_ns = Some(runs.time_ns as f64 / flood.changes());
    entry.misses = Some(runs.misses);
    Ok(())
}
