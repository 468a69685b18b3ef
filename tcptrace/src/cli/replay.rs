//! Options of `tcptrace replay`.

use std::path::PathBuf;

use clap::Args;

use super::{OutputArgs, SelectArgs, WatchArgs};

/// Options of `tcptrace replay`.
#[derive(Debug, Args)]
#[command(
    after_help = "Recordings are made by `tcptrace -f json -o FILE`. Those of several hosts are merged by their wall clocks, \
                  and both ends of a connection get one number. What cannot be read is left out, told, and counted."
)]
pub struct ReplayArgs {
    /// Recordings, one of each host; `-` for standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// What is written, and where.
    #[command(flatten)]
    pub output: OutputArgs,
    /// What to look for in what is told.
    #[command(flatten)]
    pub watch: WatchArgs,
    // Last, because its heading would go on over what follows.
    /// Which sockets.
    #[command(flatten)]
    pub select: SelectArgs,
}
