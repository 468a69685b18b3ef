//! `cargo xtask fuzz`: libFuzzer looks for bytes from outside for which what must hold does not.
//!
//! What must hold stands in `tcptrace/src/fuzzing`. The inputs in `tcptrace/fuzz/corpus` were found this way, and a unit
//! test tries them too; what is found anew lies below the target directory until somebody chooses from it.

use std::fs;

use anyhow::{Context, Result, bail};

use crate::{child, workspace};

/// Try what must hold for any bytes from outside; takes cargo-fuzz and a C++ compiler
#[derive(clap::Args)]
pub struct Options {
    /// Which readers; all of them without it
    targets: Vec<String>,
    /// How long each of them
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// `none` where the toolchain brings no sanitizers, as Debian's
    #[arg(long, default_value = "address")]
    sanitizer: String,
}

/// Runs one target after the other; stops at the first finding, whose input libFuzzer names.
pub fn main(options: Options) -> Result<()> {
    let fuzz = workspace::root().join("tcptrace").join("fuzz");
    let all = workspace::stems(&fuzz.join("fuzz_targets"), |_| true)?;
    if let Some(unknown) = options.targets.iter().find(|target| !all.contains(target)) {
        bail!("fuzz {unknown}: there is only {}", all.join(", "));
    }
    let program = workspace::find_program("cargo-fuzz", Some(&workspace::cargo_home()?.join("bin")))
        .context("fuzz: install it with `cargo install cargo-fuzz`")?;
    let chosen = if options.targets.is_empty() { &all } else { &options.targets };
    let builds = workspace::target().join("fuzz");
    for target in chosen {
        let [found, failed] = ["found", "failed"].map(|what| builds.join(what).join(target));
        for directory in [&found, &failed] {
            fs::create_dir_all(directory).with_context(|| format!("make {}", directory.display()))?;
        }
        eprintln!("== {target}");
        let mut command = std::process::Command::new(&program);
        command.arg("run").arg("--fuzz-dir").arg(&fuzz).arg("--target-dir").arg(&builds);
        command.args(["--sanitizer", &options.sanitizer]).arg(target);
        // The first is written to, the others are only read.
        command.arg(&found).arg(fuzz.join("corpus").join(target)).arg("--");
        command.arg(format!("-max_total_time={}", options.seconds)).arg("-timeout=5");
        command.arg(format!("-artifact_prefix={}/", failed.display()));
        // Sanitizers are unstable options, which a stable compiler has too.
        child::run(command.env("RUSTC_BOOTSTRAP", "1"))?;
    }
    Ok(())
}
