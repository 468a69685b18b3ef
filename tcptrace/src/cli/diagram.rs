//! Options of `tcptrace diagram`.

use std::path::PathBuf;

use clap::Args;

/// Options of `tcptrace diagram`.
#[derive(Debug, Args)]
#[command(
    after_help = "`tcptrace -f json -o FILE` makes a recording. The diagram shows how often it took each transition and how long \
                  it was in each state. A file without a record is refused."
)]
pub struct DiagramArgs {
    /// Recording to take counts and times from, `-` for standard input; without it, the plain diagram
    #[arg(value_name = "RECORDING")]
    pub file: Option<PathBuf>,
    /// Write to this file instead of standard output; not the recording
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}
