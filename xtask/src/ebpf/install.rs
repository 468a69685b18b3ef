//! The toolchain for the kernel side on Debian 12: packages that follow Rust's releases, and bpf-linker for their LLVM.

use crate::{child, workspace};
use anyhow::{Context, Result, bail};
use std::{env, process::Command};

const PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "llvm-22-dev"];
/// Major version of the LLVM in these packages.
const LLVM: &str = "22";
const LINKER: &str = "0.13.0";

/// Installs what is missing, and nothing else.
pub fn install() -> Result<()> {
    let missing: Vec<&str> = PACKAGES.into_iter().filter(|package| !is_installed(package)).collect();
    if missing.is_empty() {
        eprintln!("installed: {}", PACKAGES.join(", "));
    } else {
        install_packages(&missing)?;
    }

    let bin = workspace::cargo_home()?.join("bin");
    let found = workspace::find_program("bpf-linker", Some(&bin)).ok();
    let version = found.and_then(|linker| child::output(Command::new(linker).arg("--version")).ok());
    if version.is_some_and(|version| version.trim() == format!("bpf-linker {LINKER}")) {
        eprintln!("installed: bpf-linker {LINKER}");
    } else {
        install_linker()?;
    }
    // That all of it is there does not mean that it fits together.
    let toolchain = super::toolchain::Toolchain::choose()?;
    eprint!("{}", toolchain.versions);
    Ok(())
}

fn is_installed(package: &str) -> bool {
    let mut query = Command::new("dpkg-query");
    query.args(["--show", "--showformat=${Status}", package]);
    child::output(&mut query).is_ok_and(|status| status == "install ok installed")
}

fn install_packages(packages: &[&str]) -> Result<()> {
    workspace::find_program("apt-get", None).context(
        "only Debian's toolchain can be installed from here; elsewhere use rustup's nightly with rust-src",
    )?;
    if !workspace::is_root() {
        bail!("installing packages needs root: run `apt-get install {}` as root", packages.join(" "));
    }
    child::run(Command::new("apt-get").args(["--quiet", "update"]))?;
    child::run(
        Command::new("apt-get")
            .args(["--quiet", "--yes", "--no-install-recommends", "install"])
            .args(packages)
            .env("DEBIAN_FRONTEND", "noninteractive"),
    )
}

fn install_linker() -> Result<()> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    child::run(
        Command::new(cargo)
            .args(["install", "bpf-linker", "--locked", "--force", "--version", LINKER])
            .args(["--no-default-features", "--features", &format!("llvm-{LLVM}")])
            .env("LLVM_PREFIX", format!("/usr/lib/llvm-{LLVM}")),
    )
}
