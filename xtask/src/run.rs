//! `cargo xtask run`: tcptrace from these sources, with the privileges it needs.

use crate::workspace;
use anyhow::{Context, Result};
use std::{ffi::OsString, os::unix::process::CommandExt};

/// Build tcptrace and run it, as root
#[derive(clap::Args)]
pub struct Options {
    /// Arguments for tcptrace
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Becomes cargo, which becomes tcptrace: no process of ours stays in between, so a signal reaches the right one.
pub fn main(options: Options) -> Result<()> {
    let mut command = workspace::cargo("run");
    command.args(["--quiet", "--release", "--package", "tcptrace"]);
    workspace::as_root(&mut command)?;
    command.arg("--").args(options.arguments);
    Err(command.exec()).context("start cargo")
}
