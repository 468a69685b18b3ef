//! `cargo xtask soak`: the memory of a trace after a day of 2,000 connections a second, and what an event costs with many of
//! them open. The connections are synthetic, so a day takes as long as the work for it.

use anyhow::Result;

use crate::{child, workspace};

/// Follow synthetic connections for hours of their time; memory along the way
#[derive(clap::Args)]
pub struct Options {
    /// Hours at 2,000 connections a second
    #[arg(long, default_value_t = 24.0)]
    hours: f64,
    /// One record in so many is lost
    #[arg(long)]
    lose: Option<u64>,
    /// text, json or ladder
    #[arg(long, default_value = "json")]
    how: String,
    /// Instead: the time for each event with 1,000 to 200,000 connections open
    #[arg(long)]
    cost: bool,
}

/// Builds the example that does it, and runs it.
pub fn main(options: Options) -> Result<()> {
    let mut command = workspace::cargo("run");
    command.args(["--quiet", "--release", "--package", "tcptrace", "--example", "flood", "--"]);
    if options.cost {
        command.arg("cost");
    } else {
        command.arg("soak").arg(((options.hours * 3_600.0 * 2_000.0) as u64).to_string());
        command.args(options.lose.iter().flat_map(|lose| ["--lose".to_owned(), lose.to_string()]));
    }
    child::run(command.args(["--how", &options.how]))
}
