//! The command line: what can be typed, and what it means. No file is opened here and no kernel asked.

mod diagram;
mod explain;
mod list;
mod output;
mod replay;
mod select;
mod trace;
mod values;
mod watch;

use clap::{Parser, Subcommand};
use clap_complete::Shell;

pub use diagram::DiagramArgs;
pub use explain::ExplainArgs;
pub use list::{ListArgs, ListFormat};
pub use output::{Format, OutputArgs, OutputSpec, Report};
pub use replay::ReplayArgs;
pub use select::{NetnsName, SelectArgs, Selection, UserName};
pub use trace::{Probe, TraceArgs};
pub use watch::{Condition, WatchArgs};

/// Every TCP state change on this host: who caused it, when and why, as an exact timeline.
#[derive(Debug, Parser)]
#[command(
    name = "tcptrace",
    version,
    args_conflicts_with_subcommands = true,
    after_help = "Example: sudo tcptrace --port 10050\n\
                  Ctrl+C ends the trace and prints the exact sequence of every connection.\n\n\
                  Exit codes: 0 ended as asked, 1 failed, 2 wrong usage, 3 cannot trace here (try `tcptrace doctor`), \
                  4 what --fail-on names was seen; with a command its own, 128+N if signal N ended it, 126 and 127 if it cannot be run or found."
)]
pub struct Cli {
    /// What to do; without it, trace.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Options of the trace.
    #[command(flatten)]
    pub trace: TraceArgs,
}

/// What to do other than trace.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the TCP sockets there are now: state, owner, and what the state means
    List(Box<ListArgs>),
    /// Explain a TCP state: how it is entered and left, how long it lasts, what to check when it stays
    Explain(ExplainArgs),
    /// Draw the state diagram as SVG, with what a recording saw on it: how often, and for how long
    Diagram(DiagramArgs),
    /// Tell a recording again, or those of several hosts as one story: in any format, filtered, without root
    Replay(Box<ReplayArgs>),
    /// Say what this kernel and these privileges allow, and what to do about the rest
    Doctor,
    /// Print the completion script of a shell
    Completions {
        /// Which shell
        shell: Shell,
    },
}
