//! From sources to the object: compile, take out what the kernel does not read, and make sure that nothing of this
//! machine is left in it.

use super::{sources, toolchain::Toolchain};
use crate::{child, workspace};
use anyhow::{Context, Result, bail};
use object::{Object, ObjectSection};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The compiler flags, the same everywhere.
///
/// The architecture only chooses the layout of `pt_regs` in aya-ebpf, which no program here uses: a fixed one makes
/// the object the same on every host. BTF is made from debug information.
pub const FLAGS: [&str; 3] = ["--cfg=bpf_target_arch=\"x86_64\"", "-Cdebuginfo=2", "-Clink-arg=--btf"];

/// Builds the object.
pub fn build(toolchain: &Toolchain) -> Result<Vec<u8>> {
    let root = workspace::root();
    let manifest = root.join("Cargo.toml");
    // By tools, because cargo does not notice a new bpf-linker and would take its predecessor's work for up to date.
    let tools = sources::sha256(toolchain.versions.to_string().as_bytes());
    let target = workspace::target().join("ebpf").join(&tools[..8]);

    // Downloads first: only then the directories exist whose names must not end up in the object.
    child::run(toolchain.cargo()?.args(["fetch", "--locked", "--manifest-path"]).arg(&manifest))?;
    let private = private_directories(toolchain)?;
    let flags = FLAGS.map(String::from).into_iter().chain(private.iter().map(Private::flag));
    let flags: Vec<String> = flags.collect();
    child::run(
        toolchain
            .cargo()?
            .args(["build", "--locked", "--release", "--package", "tcptrace-ebpf", "--bins"])
            .args(["--target", "bpfel-unknown-none", "-Z", "build-std=core", "--manifest-path"])
            .arg(&manifest)
            .env("CARGO_TARGET_DIR", &target)
            .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f")),
    )?;

    let linked = target.join("bpfel-unknown-none/release/tcptrace-bpf");
    let stripped = linked.with_extension("stripped");
    child::run(Command::new(toolchain.objcopy()?).arg("--strip-debug").args([&linked, &stripped]))?;
    let bytes = fs::read(&stripped).with_context(|| format!("read {}", stripped.display()))?;
    verify(&bytes, &private).with_context(|| format!("check {}", stripped.display()))?;
    Ok(bytes)
}

/// A directory of this machine, and what stands for it in the object's line information.
struct Private {
    path: PathBuf,
    shown: &'static str,
}

impl Private {
    fn flag(&self) -> String {
        format!("--remap-path-prefix={}={}", self.path.display(), self.shown)
    }

    /// The path that would give the directory away. The workspace alone would not: `/src` is part of many a harmless path.
    fn telling(&self) -> PathBuf {
        if self.shown.is_empty() { self.path.join("tcptrace-ebpf") } else { self.path.clone() }
    }
}

/// Every directory that holds sources of the build. rustc takes the last one that fits.
fn private_directories(toolchain: &Toolchain) -> Result<Vec<Private>> {
    let mut list = vec![Private { path: workspace::root(), shown: "" }];
    let registries = workspace::cargo_home()?.join("registry/src");
    for entry in fs::read_dir(&registries).with_context(|| format!("list {}", registries.display()))? {
        list.push(Private { path: entry?.path(), shown: "cargo" });
    }
    list.push(Private { path: toolchain.sysroot.join("lib/rustlib/src/rust"), shown: "rust" });
    // Each may be a link, like Debian's library sources, and cargo follows it for some crates and not for others.
    for link in 0..list.len() {
        let Private { path, shown } = &list[link];
        let path = path.canonicalize().with_context(|| format!("follow {}", path.display()))?;
        list.push(Private { path, shown });
    }
    Ok(list)
}

/// The loader needs the types, the verifier's log is unreadable without the lines, and a path would give this machine
/// away and make the bytes differ.
fn verify(object: &[u8], private: &[Private]) -> Result<()> {
    let file = object::File::parse(object).context("parse it as ELF")?;
    for name in [".BTF", ".BTF.ext"] {
        let size = file.section_by_name(name).map_or(0, |section| section.size());
        if size == 0 {
            bail!("section {name} is missing: is bpf-linker called with --btf?");
        }
    }
    if let Some(leak) = private.iter().map(Private::telling).find(|path| contains(object, path)) {
        bail!("the path {} is in it, which would make the bytes differ elsewhere", leak.display());
    }
    Ok(())
}

fn contains(bytes: &[u8], path: &Path) -> bool {
    let path = path.as_os_str().as_encoded_bytes();
    !path.is_empty() && bytes.windows(path.len()).any(|window| window == path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_found_wherever_it_stands() {
        let bytes = b"\x7fELF\0/home/me/tcptrace/src/main.rs\0";
        assert!(contains(bytes, Path::new("/home/me/tcptrace")));
        assert!(!contains(bytes, Path::new("/home/you")));
        assert!(!contains(b"", Path::new("/home/you")));
    }

    #[test]
    fn a_workspace_with_a_common_name_is_not_suspected_of_every_path() {
        let workspace = Private { path: "/src".into(), shown: "" };
        assert!(!contains(b"rust/library/core/src/option.rs", &workspace.telling()));
        assert!(contains(b"/src/tcptrace-ebpf/src/main.rs", &workspace.telling()));
    }

    #[test]
    fn what_is_not_an_object_is_refused() {
        assert!(verify(b"not an object", &[]).is_err());
    }
}
