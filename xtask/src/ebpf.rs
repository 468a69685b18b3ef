//! `cargo xtask ebpf`: the kernel side as one small object, the same bytes from the same sources on every machine.
//!
//! The object is committed, so that a user needs only stable Rust. Beside it lies a [`stamp`] of what made it, which
//! lets anybody check that object and sources belong together, even without the toolchain.

mod build;
mod install;
mod sources;
mod stamp;
mod toolchain;

use crate::workspace;
use anyhow::{Context, Result, bail};
use stamp::Stamp;
use std::{
    fs,
    path::{Path, PathBuf},
};
use toolchain::Toolchain;

/// Build the kernel side, or check that the committed object is what the sources give
///
/// The toolchain is Debian's rustc-web if it is there, else rustup's nightly. TCPTRACE_EBPF_TOOLCHAIN chooses:
/// `debian`, or the name of a rustup toolchain.
#[derive(clap::Args)]
#[group(multiple = false)]
pub struct Options {
    /// Fail if the committed object is not what the sources give
    #[arg(long)]
    check: bool,
    /// Build to another file, and leave the committed object alone
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Install what is missing to build the kernel side on Debian 12
    #[arg(long)]
    install_toolchain: bool,
}

/// Does what the options say; without options, rebuilds the committed object.
pub fn main(options: Options) -> Result<()> {
    if options.install_toolchain {
        return install::install();
    }
    if options.check {
        return check();
    }
    let toolchain = Toolchain::choose()?;
    let object = build::build(&toolchain)?;
    if let Some(out) = options.out {
        return write(&out, &object);
    }
    let stamp = Stamp {
        tools: toolchain.versions,
        sources: sources::fingerprint(&workspace::root(), &build::FLAGS)?,
        object: sources::sha256(&object),
    };
    write(&object_path(), &object)?;
    write(&stamp_path(), stamp.to_string().as_bytes())
}

/// Checks from the cheapest to the dearest: recorded object, recorded sources, and the bytes if the tools allow.
fn check() -> Result<()> {
    let object = fs::read(object_path()).context("read the committed object tcptrace/bpf/tcptrace.bpf.o")?;
    let text = fs::read_to_string(stamp_path()).context("read tcptrace/bpf/tcptrace.bpf.toolchain")?;
    let stamp: Stamp = text.parse().context("read tcptrace/bpf/tcptrace.bpf.toolchain")?;
    if sources::sha256(&object) != stamp.object {
        bail!(
            "tcptrace.bpf.o is not the object that tcptrace.bpf.toolchain was written for: \
             run `cargo xtask ebpf` and commit both files"
        );
    }
    if sources::fingerprint(&workspace::root(), &build::FLAGS)? != stamp.sources {
        bail!(
            "the kernel side's sources have changed since tcptrace.bpf.o was built: \
             run `cargo xtask ebpf` and commit the new object"
        );
    }
    eprintln!("tcptrace.bpf.o was built from these sources, says its stamp");

    let toolchain = match Toolchain::choose() {
        Ok(toolchain) => toolchain,
        Err(error) => {
            eprintln!(
                "its bytes cannot be compared, only its stamp was checked: no toolchain here: {error:#}"
            );
            return Ok(());
        }
    };
    if toolchain.versions != stamp.tools {
        eprintln!(
            "its bytes cannot be compared, only its stamp was checked: other tools made it\nmade by:\n{}here:\n{}",
            stamp.tools, toolchain.versions
        );
        return Ok(());
    }
    if build::build(&toolchain)? != object {
        bail!(
            "tcptrace.bpf.o is not what the sources give with the very tools that made it: \
             run `cargo xtask ebpf` and look at what changed"
        );
    }
    eprintln!("a rebuild gives the same bytes");
    Ok(())
}

fn object_path() -> PathBuf {
    workspace::root().join("tcptrace/bpf/tcptrace.bpf.o")
}

fn stamp_path() -> PathBuf {
    workspace::root().join("tcptrace/bpf/tcptrace.bpf.toolchain")
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    path.parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| fs::write(path, bytes))
        .with_context(|| format!("write {}", path.display()))?;
    eprintln!("wrote {} ({} bytes)", path.display(), bytes.len());
    Ok(())
}
