//! The binary: parse, run, and turn the outcome into an exit code.

use std::process::ExitCode;

use clap::Parser as _;
use tcptrace::{app, cli::Cli, escape::Indented};

fn main() -> ExitCode {
    let cli = Cli::parse();
    match app::run(cli) {
        Ok(code) => code,
        Err(failure) => {
            if !failure.is_closed_pipe() {
                // Not eprintln!, which panics when standard error is closed.
                let _ = std::io::Write::write_fmt(
                    &mut std::io::stderr(),
                    format_args!(
                        "tcptrace: {}{}\n",
                        Indented(&format!("{:#}", failure.error)),
                        failure.hint()
                    ),
                );
            }
            failure.exit_code()
        }
    }
}
