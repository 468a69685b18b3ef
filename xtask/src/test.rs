//! `cargo xtask test`: everything that must hold before a commit, and a list of what could not be tried here.
//!
//! A test in `tcptrace/tests/kernel_*.rs` loads programs into the running kernel, so it runs as root. What such a test
//! cannot do on this kernel it skips, and says so in the file named by `TCPTRACE_SKIP_LOG`: one line `test: reason`.

mod skips;

use crate::{child, demo, workspace};
use anyhow::{Context, Result, bail};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Formatting, lints, unit tests, then the tests that load programs into the kernel
#[derive(clap::Args)]
pub struct Options {
    /// Run the kernel tests with this BPF object instead of the committed one
    #[arg(long, value_name = "FILE")]
    object: Option<PathBuf>,
    /// Only the tests in tcptrace/tests/kernel_*.rs
    #[arg(long)]
    kernel_only: bool,
}

/// Names the file in which a test says that it was skipped.
const SKIP_LOG: &str = "TCPTRACE_SKIP_LOG";

/// Runs every step even if an earlier one fails, so that one run shows all there is to mend.
pub fn main(options: Options) -> Result<()> {
    let skip_log = workspace::target().join("xtask").join("skipped.txt");
    skips::start(&skip_log)?;
    let mut steps = Vec::new();
    if !options.kernel_only {
        steps.extend(ordinary_steps()?);
    }
    steps.push(("kernel tests", kernel_tests(&skip_log, options.object.as_deref())?));
    if !options.kernel_only {
        steps.extend(system_calls(&skip_log)?);
        steps.push(("the README's output", demo::readme_step()?));
    }

    let mut failed = Vec::new();
    for (name, mut command) in steps {
        eprintln!("== {name}");
        if let Err(error) = child::run(&mut child::ended_by_signals(command.env(SKIP_LOG, &skip_log))) {
            eprintln!("xtask: {error:#}");
            failed.push(name);
        }
    }
    let skips = skips::report(&skip_log);
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    skips
}

/// The steps that need no privileges.
fn ordinary_steps() -> Result<Vec<(&'static str, Command)>> {
    let mut format = workspace::cargo("fmt");
    format.args(["--all", "--check"]);
    let mut lint = workspace::cargo("clippy");
    lint.args(["--workspace", "--all-targets", "--", "--deny", "warnings"]);
    let mut unit = workspace::cargo("test");
    unit.args(["--workspace", "--no-fail-fast", "--lib", "--bins"]);
    for package in ["tcptrace", "tcptrace-ebpf", "xtask"] {
        let names = test_files(&workspace::root().join(package).join("tests"))?;
        unit.args(names.iter().filter(|name| !is_kernel_test(name)).flat_map(|name| ["--test", name]));
    }
    let mut examples = workspace::cargo("test");
    examples.args(["--workspace", "--no-fail-fast", "--doc"]);
    let mut documentation = workspace::cargo("doc");
    documentation.args(["--no-deps", "--workspace", "--document-private-items"]);
    documentation.env("RUSTDOCFLAGS", "--deny warnings");
    // Nothing that only the program needs may be in the way of who embeds the library.
    let mut library = workspace::cargo("build");
    library.args(["--package", "tcptrace", "--no-default-features", "--lib"]);
    Ok(vec![
        ("formatting", format),
        ("lints", lint),
        ("unit tests", unit),
        ("documentation tests", examples),
        ("documentation", documentation),
        ("the library alone", library),
    ])
}

/// The tests as root, against the committed object or another.
fn kernel_tests(skip_log: &Path, object: Option<&Path>) -> Result<Command> {
    let tests = test_files(&workspace::root().join("tcptrace").join("tests"))?;
    if !tests.iter().any(|name| is_kernel_test(name)) {
        bail!("run the kernel tests: there is no tcptrace/tests/kernel_*.rs");
    }
    let mut command = workspace::cargo("test");
    command.args(["--package", "tcptrace", "--no-fail-fast", "--test", "kernel_*"]);
    command.env(SKIP_LOG, skip_log);
    if let Some(object) = object {
        // Absolute, because cargo runs tests in their package's directory.
        let object =
            object.canonicalize().with_context(|| format!("open BPF object {}", object.display()))?;
        command.env("TCPTRACE_BPF_OBJECT", object);
    }
    workspace::as_root(&mut command)?;
    Ok(command)
}

/// The list of system calls that a trace may make, against those that it makes: some tests once more, with each call recorded.
fn system_calls(skip_log: &Path) -> Result<Vec<(&'static str, Command)>> {
    if workspace::find_program("strace", None).is_err() {
        skips::add(skip_log, JUDGE, "strace is not installed")?;
        return Ok(Vec::new());
    }
    let recorded = workspace::target().join("xtask").join("calls");
    if recorded.exists() {
        fs::remove_dir_all(&recorded).with_context(|| format!("empty {}", recorded.display()))?;
    }
    fs::create_dir_all(&recorded).with_context(|| format!("make {}", recorded.display()))?;
    let command = |tests: &[&str]| -> Result<Command> {
        let mut command = workspace::cargo("test");
        command.args(["--package", "tcptrace", "--no-fail-fast"]);
        command.args(tests.iter().flat_map(|test| ["--test", test])).env("TCPTRACE_TEST_CALLS", &recorded);
        workspace::as_root(&mut command)?;
        Ok(command)
    };
    let record = command(&CALLING)?;
    let mut judge = command(&["kernel_confine"])?;
    judge.args(["--", "--ignored", JUDGE]);
    Ok(vec![("system calls recorded", record), ("system calls", judge)])
}

/// The test that judges them.
const JUDGE: &str = "what_is_allowed_is_what_is_used";

/// Kernel tests in which a tracer makes each of its system calls.
const CALLING: [&str; 6] =
    ["kernel_bank", "kernel_command", "kernel_confine", "kernel_exit", "kernel_faults", "kernel_outputs"];

fn is_kernel_test(name: &str) -> bool {
    name.starts_with("kernel_")
}

/// The names of the integration tests in a directory, which need not exist.
fn test_files(directory: &Path) -> Result<Vec<String>> {
    if !directory.is_dir() {
        return Ok(Vec::new());
    }
    // Cargo's two shapes of an integration test.
    workspace::stems(directory, |path| {
        path.extension().is_some_and(|extension| extension == "rs") || path.join("main.rs").is_file()
    })
}
