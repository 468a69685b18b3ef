//! The project's own chores, each a subcommand of `cargo xtask` and each in a file of its own.

mod child;
mod demo;
mod ebpf;
mod run;
mod test;
mod workspace;

use clap::Parser;
use std::process::ExitCode;

/// Chores of the tcptrace project
#[derive(Parser)]
#[command(bin_name = "cargo xtask", disable_help_subcommand = true)]
enum Chore {
    /// Trace the article's server and client while one of them is ended, and say what happened
    Demo(demo::Options),
    /// Build the kernel side, or check that the committed object is what the sources give
    Ebpf(ebpf::Options),
    /// Build tcptrace and run it, as root
    Run(run::Options),
    /// Formatting, lints, unit tests, then the tests that load programs into the kernel
    Test(test::Options),
}

fn main() -> ExitCode {
    let result = match Chore::parse() {
        Chore::Demo(options) => demo::main(options),
        Chore::Ebpf(options) => ebpf::main(options),
        Chore::Run(options) => run::main(options),
        Chore::Test(options) => test::main(options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
