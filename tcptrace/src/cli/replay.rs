//! Options of `tcptrace replay`.

use std::path::PathBuf;

use clap::Args;

use super::{OutputArgs, SelectArgs, WatchArgs};

/// Options of `tcptrace replay`.
#[derive(Debug, Args)]
#[command(
    after_help = "`tcptrace -f json -o FILE` makes a recording. Recordings of several hosts are merged by wall clock, and both \
                  ends of a connection get one number. Lines that cannot be read are skipped, reported and counted. --netns \
                  takes only an inode number here."
)]
pub struct ReplayArgs {
    /// Recordings to replay, one per host; `-` is standard input
    #[arg(required = true, value_name = "RECORDING")]
    pub files: Vec<PathBuf>,
    /// Filters.
    #[command(flatten)]
    pub select: SelectArgs,
    /// Outputs.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Checks.
    #[command(flatten)]
    pub watch: WatchArgs,
}
