//! The project's own chores, each a subcommand of `cargo xtask` and each in a file of its own.

mod bench;
mod child;
mod demo;
mod ebpf;
mod fuzz;
mod instructions;
mod run;
mod soak;
mod test;
mod vm;
mod workspace;

use clap::Parser;
use std::process::ExitCode;

/// Chores of the tcptrace project
#[derive(Parser)]
#[command(bin_name = "cargo xtask", disable_help_subcommand = true)]
enum Chore {
    Bench(bench::Options),
    Demo(demo::Options),
    Ebpf(ebpf::Options),
    Fuzz(fuzz::Options),
    Instructions(instructions::Options),
    Run(run::Options),
    Soak(soak::Options),
    Test(test::Options),
    VmTest(vm::Options),
}

fn main() -> ExitCode {
    let result = match Chore::parse() {
        Chore::Bench(options) => bench::main(options),
        Chore::Demo(options) => demo::main(options),
        Chore::Ebpf(options) => ebpf::main(options),
        Chore::Fuzz(options) => fuzz::main(options),
        Chore::Instructions(options) => instructions::main(options),
        Chore::Run(options) => run::main(options),
        Chore::Soak(options) => soak::main(options),
        Chore::Test(options) => test::main(options),
        Chore::VmTest(options) => vm::main(options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
