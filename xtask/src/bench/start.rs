//! How long it takes until a trace says that it has begun, and until it has shown what was there before.

use super::{figures::Values, hold::Holders, pipe::Piped, world::in_a_namespace};
use anyhow::{Context, Result};

/// Measure the time until the `start` record (goal: 250 ms, 500 ms with 50,000 sockets)
#[derive(clap::Args)]
pub(super) struct Options {
    /// Sockets that are there before
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [0, 50_000])]
    sockets: Vec<u32>,
    /// Starts with each
    #[arg(long, default_value_t = 10)]
    rounds: u32,
}

/// Prints a row for each number of sockets.
pub(super) fn main(options: &Options) -> Result<()> {
    println!("{:<10} {:>26} {:>26}", "sockets", "ms to `start`", "ms to the last `socket`");
    for sockets in &options.sockets {
        let (started, listed) = in_a_namespace(|| {
            let mut holders = Holders::default();
            holders.open(sockets / 2)?;
            let (mut started, mut listed) = (Values::default(), Values::default());
            for _ in 0..options.rounds {
                let (start, list) = measure(sockets / 2 * 2)?;
                started.add(start);
                list.into_iter().for_each(|list| listed.add(list));
            }
            Ok((started, listed))
        })?;
        println!("{sockets:<10} {:>26} {:>26}", started.words(0), listed.words(0));
    }
    Ok(())
}

/// Milliseconds to `start`, and to the last `socket` if there are any.
fn measure(sockets: u32) -> Result<(f64, Option<f64>)> {
    let mut tracer = Piped::start()?;
    tracer.wait_for(1 + sockets as usize)?;
    let begun = tracer.begun_ns;
    let lines = tracer.stop()?;
    let last = |r#type: &str| {
        let line = lines.iter().rfind(|line| line.record["type"] == r#type)?;
        Some(line.read_ns.saturating_sub(begun) as f64 / 1e6)
    };
    Ok((last("start").context("find `start` in what it wrote")?, last("socket")))
}
