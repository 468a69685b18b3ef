//! How long it takes from an event in the kernel until its line can be read from tcptrace's standard output.

use super::{
    figures::Values,
    flood::{Close, Flood},
    pipe::{Line, Piped},
    world::in_a_namespace,
};
use anyhow::{Result, bail};
use std::{collections::BTreeMap, thread, time::Duration};

/// Measure the time from an event in the kernel to its line (goal: 99 of 100 within 10 ms)
#[derive(clap::Args)]
pub(super) struct Options {
    /// State changes a second
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [10, 10_000])]
    rate: Vec<u32>,
    /// Seconds at each rate
    #[arg(long, default_value_t = 20)]
    seconds: u32,
    /// How connections end
    #[arg(long, value_enum, default_value_t = Close::Fin)]
    close: Close,
}

/// Prints a row for each rate, and one for each step.
pub(super) fn main(options: &Options) -> Result<()> {
    println!("{:<34} {:>8} {:>9} {:>9} {:>9}", "ms to the line", "steps", "median", "99 %", "longest");
    for rate in &options.rate {
        let lines = in_a_namespace(|| measure(*rate, options))?;
        let mut steps: BTreeMap<String, Values> = BTreeMap::new();
        let mut all = Values::default();
        for line in &lines {
            let Some((step, latency)) = latency(line) else { continue };
            all.add(latency);
            steps.entry(step).or_default().add(latency);
        }
        if all.len() == 0 {
            bail!("tcptrace told of nothing at {rate} changes a second");
        }
        row(&format!("{rate} changes/s, {}", options.close.word()), &all);
        steps.iter().for_each(|(step, values)| row(&format!("  {step}"), values));
    }
    Ok(())
}

fn measure(rate: u32, options: &Options) -> Result<Vec<Line>> {
    let mut tracer = Piped::start()?;
    tracer.wait_for(1)?;
    thread::sleep(Duration::from_millis(500));
    let of_one = Flood { connections: 1, close: options.close, threads: 1, ipv6: false };
    let interval = Duration::from_secs_f64(of_one.changes() / f64::from(rate));
    let connections = (f64::from(options.seconds) / interval.as_secs_f64()).ceil() as u32;
    let reached = Flood { connections, ..of_one }.paced(interval)? * of_one.changes();
    if connections > 10 && reached < f64::from(rate) * 0.9 {
        eprintln!("only {reached:.0} of {rate} changes a second: this machine is too slow or too busy");
    }
    thread::sleep(Duration::from_millis(500));
    tracer.stop()
}

/// The step, and milliseconds from the event to the line.
fn latency(Line { record, read_ns }: &Line) -> Option<(String, f64)> {
    if record["type"] != "transition" {
        return None;
    }
    let (from, to) = (record["from"].as_str()?, record["to"].as_str()?);
    // What is concluded from another event has that one's time or an earlier one.
    let inferred = if record["evidence"].is_string() { ", inferred" } else { "" };
    let waited = read_ns.checked_sub(record["mono_ns"].as_u64()?)?;
    Some((format!("{from} → {to}{inferred}"), waited as f64 / 1e6))
}

fn row(name: &str, values: &Values) {
    let number = |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:.3}"));
    println!(
        "{name:<34} {:>8} {:>9} {:>9} {:>9}",
        values.len(),
        number(values.median()),
        number(values.percentile(99)),
        number(values.max())
    );
}
