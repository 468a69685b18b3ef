//! Options of `tcptrace list`.

use clap::{Args, ColorChoice, ValueEnum};

use super::SelectArgs;

/// Options of `tcptrace list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// How to write them
    #[arg(short, long, value_enum, default_value_t)]
    pub format: ListFormat,
    /// Colours: on a terminal unless NO_COLOR is set, always, or never
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub color: ColorChoice,
    // Last, because its heading would go on over what follows.
    /// Which sockets.
    #[command(flatten)]
    pub select: SelectArgs,
}

/// Formats of the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ListFormat {
    /// A table for people
    #[default]
    Text,
    /// JSON lines for pipelines
    Json,
}
