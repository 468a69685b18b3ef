//! `cargo xtask vm-test`: the kernel tests under other kernels, Debian's, in an emulated machine that needs no privileges.

mod guest;
mod image;
mod kernel;
mod machine;
mod modules;
mod selection;
mod summary;

use crate::workspace;
use anyhow::{Context, Result, bail};
use std::{fs, thread};

/// The kernel tests under other kernels, in an emulated machine
#[derive(clap::Args)]
pub struct Options {
    /// The newest Debian cloud kernel whose version begins so
    #[arg(long = "kernel", value_name = "VERSION", default_values = ["6.1", "6.12"])]
    kernels: Vec<String>,
    /// A few tests that together use every hook, in minutes
    #[arg(long, conflicts_with = "tests")]
    short: bool,
    /// Only the tests whose `file::name` contains one of these
    #[arg(value_name = "TEST_FILTER")]
    tests: Vec<String>,
}

/// Tests that `--short` runs: both hooks side by side, each kind of minisocket, owners, causes, and what was there before.
const SHORT: [&str; 6] = [
    "kernel_probe::",
    "kernel_experiment::ctrl_c_on_the_server",
    "kernel_bank::cases::ending::destroyed",
    "kernel_bank::cases::failing::nobody_answers",
    "kernel_before::they_are_told_once_and_keep_their_owners",
    "kernel_owner::the_worker_owns_what_it_accepts",
];

/// Boots all kernels side by side: emulation takes one of this machine's processors for each.
pub fn main(options: Options) -> Result<()> {
    let filters = if options.short { SHORT.map(String::from).to_vec() } else { options.tests };
    let suite = selection::build(&filters)?;
    let kernels =
        options.kernels.iter().map(|version| kernel::provide(version)).collect::<Result<Vec<_>>>()?;

    let parent = workspace::target().join("vm");
    fs::create_dir_all(&parent).with_context(|| format!("make {}", parent.display()))?;
    let scratch = tempfile::tempdir_in(&parent).with_context(|| format!("write to {}", parent.display()))?;
    let userland = image::userland(&suite, &scratch.path().join("userland"))?;
    let outcomes: Vec<_> = thread::scope(|scope| {
        let run = |kernel: &kernel::Kernel| -> Result<summary::Summary> {
            let directory = scratch.path().join(&kernel.version);
            fs::create_dir(&directory).with_context(|| format!("make {}", directory.display()))?;
            let initrd = image::initramfs(kernel, &suite, &userland, &directory)?;
            machine::run(kernel, &initrd, &directory, suite.names())
        };
        let runs: Vec<_> = kernels.iter().map(|kernel| scope.spawn(move || run(kernel))).collect();
        runs.into_iter().map(thread::ScopedJoinHandle::join).collect()
    });

    let mut failed = Vec::new();
    for (kernel, outcome) in kernels.iter().zip(outcomes) {
        match outcome {
            Ok(Ok(summary)) => {
                eprintln!("== Linux {}\n{summary}", kernel.version);
                if summary.is_good() {
                    continue;
                }
            }
            Ok(Err(error)) => eprintln!("== Linux {}\nxtask: {error:#}", kernel.version),
            Err(_) => eprintln!("== Linux {}\nxtask: panicked", kernel.version),
        }
        failed.push(&*kernel.version);
    }
    if !failed.is_empty() {
        bail!("kernel tests failed under Linux {}", failed.join(", "));
    }
    Ok(())
}
