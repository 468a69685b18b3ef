//! Options of `tcptrace diagram`.

use std::path::PathBuf;

use clap::Args;

/// Options of `tcptrace diagram`.
#[derive(Debug, Args)]
pub struct DiagramArgs {
    /// A recording (`tcptrace -f json -o FILE`), `-` for standard input; without it the plain diagram
    pub file: Option<PathBuf>,
    /// Write to a file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}
