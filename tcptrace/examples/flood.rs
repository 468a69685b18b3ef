//! Follows a flood of synthetic connections, to see what that takes: memory over a day, time and instructions for each
//! event. Called by `cargo xtask soak` and `cargo xtask instructions`.

#[path = "../benches/flood/mod.rs"]
mod flood;

use std::{
    hint::black_box,
    path::{Path, PathBuf},
    time::Instant,
};

use clap::Parser;
use flood::{
    Flood, FloodPipeline, How, Raw,
    lives::{INTERVAL, RECORDS},
    resident_kib,
};
use tcptrace::event::RawEvent;

/// Follow a flood of connections that nobody makes
#[derive(Parser)]
enum Task {
    /// Follows connections, 2,000 a second, each open for a second and in TIME_WAIT for a minute; memory along the way
    Soak {
        /// 172,800,000 are a day
        connections: u64,
        /// One record in so many is lost
        #[arg(long)]
        lose: Option<u64>,
        #[arg(long, value_enum, default_value = "json")]
        how: How,
    },
    /// Time for each event with so many connections open
    Cost {
        #[arg(default_values_t = [1_000, 10_000, 100_000, 200_000])]
        open: Vec<u64>,
        #[arg(long, value_enum, default_value = "json")]
        how: How,
    },
    /// The records of so many connections, and nothing done with them
    Make { connections: u64 },
    /// The same, decoded
    Decode { connections: u64 },
    /// Follows connections, 100 of them open at once, and emits their records
    Tell {
        connections: u64,
        #[arg(long, value_enum, default_value = "json")]
        how: How,
        #[arg(long, default_value = "/dev/null")]
        to: PathBuf,
    },
}

fn main() {
    match Task::parse() {
        Task::Soak { connections, lose, how } => soak(connections, lose, how),
        Task::Cost { open, how } => open.into_iter().for_each(|open| cost(open, how)),
        Task::Make { connections } => make(connections).for_each(|raw| {
            black_box(raw.bytes());
        }),
        Task::Decode { connections } => make(connections).for_each(|raw| {
            black_box(RawEvent::decode(black_box(raw.bytes()))).expect("as the kernel side makes them");
        }),
        Task::Tell { connections, how, to } => tell(connections, how, &to),
    }
}

fn soak(connections: u64, lose: Option<u64>, how: How) {
    let began = Instant::now();
    let mut flood = Flood::new(2_000, 120_000);
    let mut pipeline = FloodPipeline::watching(how, Path::new("/dev/null"));
    println!("{:>8} {:>12} {:>14} {:>9} {:>9}", "hours", "connections", "events", "sockets", "KiB");
    let (mut next, mut count) = (0, 0_u64);
    while flood.begun() < connections {
        if flood.begun() >= next {
            let hours = (flood.begun() * INTERVAL) as f64 / 3.6e12;
            let (events, open, kib) = (pipeline.events, pipeline.open(), resident_kib());
            println!("{hours:>8.2} {next:>12} {events:>14} {open:>9} {kib:>9}");
            next += (connections / 48).max(1);
        }
        let Some(raw) = flood.next() else { return };
        count += 1;
        // A multiplier that scatters: the lost ones are of no particular kind.
        if lose.is_none_or(|lose| !(count.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32).is_multiple_of(lose)) {
            pipeline.take(&raw);
        }
    }
    let (events, kib, elapsed) = (pipeline.events, resident_kib(), began.elapsed());
    let shown = pipeline.finish().shown;
    println!("{events} events, {shown} steps told, {kib} KiB, {elapsed:.1?}, {how:?}");
}

fn cost(open: u64, how: How) {
    let mut flood = Flood::new(open, 0);
    let mut pipeline = FloodPipeline::watching(how, Path::new("/dev/null"));
    // Two rounds before it counts: all places are taken then.
    while flood.begun() < 2 * open {
        flood.next().iter().for_each(|raw| pipeline.take(raw));
    }
    let records: Vec<_> = flood.take(1_000_000).collect();
    let (before, began) = (pipeline.events, Instant::now());
    records.iter().for_each(|raw| pipeline.take(raw));
    let (events, elapsed) = (pipeline.events - before, began.elapsed());
    println!(
        "{open:>8} connections open: {:>6.0} ns for each event ({events} events, {} KiB, {how:?})",
        elapsed.as_nanos() as f64 / events as f64,
        resident_kib()
    );
}

fn make(connections: u64) -> impl Iterator<Item = Raw> {
    Flood::new(100, 0).take((connections * RECORDS) as usize)
}

fn tell(connections: u64, how: How, to: &Path) {
    let mut pipeline = FloodPipeline::new(how, to);
    make(connections).for_each(|raw| pipeline.take(&raw));
    let events = pipeline.events;
    println!("{events} events, {} told", pipeline.finish().shown);
}
