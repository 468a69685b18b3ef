//! Options of `tcptrace replay`.

use std::path::PathBuf;

use clap::{Args, ColorChoice};

use super::{Format, Report, SelectArgs, WatchArgs};

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
    /// How to write what was seen
    #[arg(short, long, value_enum, default_value_t)]
    pub format: Format,
    /// Write to a file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// End after this many changes were shown
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// Connections in the closing report of the text format: all, none, or the latest N
    #[arg(long, value_name = "all|N|none", default_value = "20")]
    pub report: Report,
    /// What to look for in what is told.
    #[command(flatten)]
    pub watch: WatchArgs,
    /// Colours: on a terminal unless NO_COLOR is set, always, or never
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub color: ColorChoice,
    // Last, because its heading would go on over what follows.
    /// Which sockets.
    #[command(flatten)]
    pub select: SelectArgs,
}
