//! Options of `tcptrace list`.

use clap::{Args, ColorChoice, ValueEnum};

use super::SelectArgs;

/// Options of `tcptrace list`.
#[derive(Debug, Args)]
#[command(
    after_help = "Sockets that are bound, but neither listen nor connect, are listed only with --state CLOSE, and only \
                        where the kernel reports them."
)]
pub struct ListArgs {
    /// Write this format
    #[arg(short, long, value_enum, default_value_t)]
    pub format: ListFormat,
    /// Use colours; auto means on a terminal, unless NO_COLOR is set
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub color: ColorChoice,
    // Last: its heading also applies to what follows.
    /// Filters.
    #[command(flatten)]
    pub select: SelectArgs,
}

/// Output formats of `tcptrace list`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ListFormat {
    /// A table
    #[default]
    Text,
    /// JSON lines, for pipelines
    Json,
}
