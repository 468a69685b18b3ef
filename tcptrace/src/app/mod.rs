//! Commands of the program: the rim, where the pure modules meet the kernel, the clock, files and signals.

mod command;
mod diagram;
mod doctor;
mod emission;
mod explain;
mod failure;
mod list;
mod names;
mod outputs;
mod plan;
mod replay;
mod running;
mod runtime;
mod signals;
mod trace;

use std::{io::Write as _, process::ExitCode};

use anyhow::Context as _;
use clap::CommandFactory as _;

pub use failure::{Failure, Kind};

use crate::{
    cli::{Cli, Command},
    escape::Indented,
    output::Output,
};

/// Runs one command line; the exit code of one that went well is that of the command traced, if there was one.
///
/// # Errors
/// Error of a command, and its kind; the kind decides the exit code.
pub fn run(cli: Cli) -> Result<ExitCode, Failure> {
    say_as_much_as(cli.trace.verbose);
    let Some(command) = cli.command else { return trace::run(cli.trace) };
    signals::survive_file_limit();
    let done = match command {
        Command::List(args) => list::run(*args),
        Command::Explain(args) => explain::run(&args),
        Command::Diagram(args) => diagram::run(&args),
        Command::Replay(args) => replay::run(*args),
        Command::Doctor => doctor::run(),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "tcptrace", &mut script);
            let mut out = Output::stdout();
            out.write_all(&script).and_then(|()| out.flush()).context("write the completions")?;
            Ok(())
        }
    };
    done.map(|()| ExitCode::SUCCESS)
}

/// Diagnostics go to standard error: warnings always, the rest as asked.
fn say_as_much_as(verbose: u8) {
    let level = match verbose {
        0 => log::LevelFilter::Warn,
        1 => log::LevelFilter::Info,
        _ => log::LevelFilter::Debug,
    };
    env_logger::Builder::new()
        .filter_level(log::LevelFilter::Warn)
        .filter_module("tcptrace", level)
        .format(|out, record| {
            let (level, message) = (record.level().as_str().to_lowercase(), record.args().to_string());
            writeln!(out, "tcptrace: {level}: {}", Indented(&message))
        })
        .init();
}
