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

/// Heading of the options that end a command.
const STOP: &str = "When to stop";

/// Examples of use, by problem.
const EXAMPLES: &str = "\
Examples:
  Who closes the connections of port 10050, and why?
    sudo tcptrace -p 10050
  Who leaves sockets in CLOSE_WAIT, and on which descriptor?
    sudo tcptrace --stuck CLOSE_WAIT=30s
  What does one command do on the network?
    sudo tcptrace -- curl -s https://example.org
  Watch now, and keep a recording for later:
    sudo tcptrace --out text=- --out json=trace.jsonl
  Draw the recorded connections of one port:
    tcptrace replay trace.jsonl -p 443 -f ladder

Ctrl+C ends a trace and prints the exact sequence of the latest 20 connections (--report).";

const EXIT_CODES: &str = "\
Exit codes:
  0         ended as requested, or the reader of the only output closed the pipe
  1         failed while running, or one of several outputs failed
  2         wrong usage
  3         cannot trace here: privileges or kernel (see `tcptrace doctor`)
  4         a condition of --fail-on occurred
  126, 127  the command cannot be run (126) or was not found (127)
With a command, the code is the command's own (128+N if signal N ended it), unless it is 1 or 4 for \
the reasons above.";

/// Every TCP state change on this host: who caused it, when and why, as an exact timeline.
#[derive(Debug, Parser)]
#[command(
    name = "tcptrace",
    version,
    args_conflicts_with_subcommands = true,
    after_help = EXAMPLES,
    after_long_help = format!("{EXAMPLES}\n\n{EXIT_CODES}")
)]
pub struct Cli {
    /// Options of a trace.
    #[command(flatten)]
    pub trace: TraceArgs,
    /// Subcommand; without one, trace.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Subcommands: what to do other than trace.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the TCP sockets that exist now, with owners and what their states mean
    List(Box<ListArgs>),
    /// Explain a TCP state, and what to check if a socket stays in it
    Explain(ExplainArgs),
    /// Draw the state diagram as SVG, with the counts and times of a recording
    Diagram(DiagramArgs),
    /// Replay recordings in any format, with filters; merge those of several hosts
    Replay(Box<ReplayArgs>),
    /// Check what works on this host, and say what to do about the rest
    Doctor,
    /// Print a completion script for a shell
    Completions {
        /// Shell to complete for
        shell: Shell,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::Cli;

    #[test]
    fn the_help_is_in_order() {
        let mut cli = Cli::command();
        cli.build();
        cli.clone().debug_assert();
        let help = cli.render_help().to_string();
        let place = |text: &str| help.find(text).unwrap_or_else(|| panic!("{text} is not in:\n{help}"));
        let wanted = [
            "Arguments:",
            "[COMMAND]",
            "Options:",
            "Filters",
            "--pid",
            "--children",
            "--uid",
            "Output:",
            "When to stop:",
            "Checks:",
            "Kernel and privileges:",
            "Examples:",
        ];
        assert!(wanted.is_sorted_by_key(|text| place(text)), "{help}");
        // One line says what an option does; the rest is for `--help`.
        let abouts = cli.get_arguments().filter_map(|arg| arg.get_help()).map(ToString::to_string);
        let wordy: Vec<_> = abouts.filter(|about| about.chars().count() > 85).collect();
        assert!(wordy.is_empty(), "{wordy:?}");
    }
}
