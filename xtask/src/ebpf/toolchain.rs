//! The rustc and the bpf-linker that build the kernel side. Both must hold the same LLVM; stable Rust cannot do it.

use super::stamp::Versions;
use crate::{child, workspace};
use anyhow::{Context, Result, bail};
use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

/// The environment variable that chooses.
const CHOICE: &str = "TCPTRACE_EBPF_TOOLCHAIN";

/// Source of a rustc that can build its own `core` for BPF.
#[derive(Debug, PartialEq, Eq)]
enum Source {
    /// Debian's packages, in /usr/bin beside whatever else is on PATH.
    Debian,
    /// A toolchain of rustup, by name.
    Rustup(String),
}

/// Tools that are there and fit together.
pub struct Toolchain {
    source: Source,
    /// Versions of the tools.
    pub versions: Versions,
    /// The rustc's own directory, with `lib/rustlib` in it.
    pub sysroot: PathBuf,
    /// The bpf-linker program.
    pub linker: PathBuf,
}

impl Toolchain {
    /// Finds the tools; an error says what to install.
    pub fn choose() -> Result<Self> {
        let source = source(env::var(CHOICE).ok().as_deref(), has_debian_rustc());
        let about = child::output(source.rustc().arg("-vV"))
            .with_context(|| format!("the compiler does not run: {}", source.advice()))?;
        let sysroot = child::output(source.rustc().args(["--print", "sysroot"]))?;
        let sysroot = PathBuf::from(sysroot.trim());
        if !sysroot.join("lib/rustlib/src/rust/library/core").is_dir() {
            bail!("the sources of `core` are not installed: {}", source.advice());
        }
        let llvm = field(&about, "LLVM version").context("`rustc -vV` names no LLVM version")?.to_owned();

        let bin = workspace::cargo_home()?.join("bin");
        let linker =
            workspace::find_program("bpf-linker", Some(&bin)).with_context(|| linker_advice(&llvm))?;
        let linker_llvm = linker_llvm(&linker)?;
        if major(&linker_llvm) != major(&llvm) {
            bail!(
                "bpf-linker has LLVM {linker_llvm} and rustc has LLVM {llvm}, but they must be of the same major \
                 version: {}",
                linker_advice(&llvm)
            );
        }
        let linker_version = child::output(Command::new(&linker).arg("--version"))?;
        let versions = Versions {
            rustc: about.lines().next().unwrap_or_default().to_owned(),
            llvm,
            linker: format!("{}, LLVM {linker_llvm}", linker_version.trim()),
        };
        Ok(Self { source, versions, sysroot, linker })
    }

    /// This toolchain's cargo, with the variables it must have and without those of the cargo that runs this xtask.
    pub fn cargo(&self) -> Result<Command> {
        let mut command = match &self.source {
            Source::Debian => {
                let mut command = Command::new("/usr/bin/cargo");
                // Debian's compiler is a stable one, and building `core` is not stable.
                command.env("RUSTC", "/usr/bin/rustc").env("RUSTC_BOOTSTRAP", "1");
                command
            }
            Source::Rustup(name) => {
                let mut command = Command::new("rustup");
                command.args(["run", name, "cargo"]).env_remove("RUSTC");
                command
            }
        };
        // rustc looks for the linker by its name.
        let directories = self.linker.parent().map(Path::to_path_buf).into_iter();
        let path = env::var_os("PATH").unwrap_or_default();
        let path =
            env::join_paths(directories.chain(env::split_paths(&path))).context("put bpf-linker on PATH")?;
        command.env("PATH", path).env_remove("LD_LIBRARY_PATH").env_remove("CARGO");
        Ok(command)
    }

    /// The objcopy of the LLVM in use: the one that rustc brings, else Debian's, else one on PATH.
    pub fn objcopy(&self) -> Result<PathBuf> {
        let host = Path::new("lib/rustlib").join(format!("{}-unknown-linux-gnu", env::consts::ARCH));
        let own = self.sysroot.join(host).join("bin/rust-objcopy");
        let major = major(&self.versions.llvm);
        let debian = PathBuf::from(format!("/usr/lib/llvm-{major}/bin/llvm-objcopy"));
        match [own, debian].into_iter().find(|path| path.is_file()) {
            Some(path) => Ok(path),
            None => workspace::find_program("llvm-objcopy", None)
                .with_context(|| format!("removing debug information needs llvm-objcopy of LLVM {major}")),
        }
    }
}

impl Source {
    fn rustc(&self) -> Command {
        match self {
            Self::Debian => Command::new("/usr/bin/rustc"),
            Self::Rustup(name) => {
                let mut command = Command::new("rustup");
                command.args(["run", name, "rustc"]);
                command
            }
        }
    }

    fn advice(&self) -> String {
        match self {
            Self::Debian => "run `cargo xtask ebpf --install-toolchain`, or \
                `apt-get install rustc-web cargo-web rust-web-src llvm-22-dev`"
                .into(),
            Self::Rustup(name) => format!(
                "run `rustup toolchain install {name} --component rust-src`; on Debian 12 instead \
                 `cargo xtask ebpf --install-toolchain`"
            ),
        }
    }
}

fn linker_advice(llvm: &str) -> String {
    let major = major(llvm);
    format!(
        "run `cargo install bpf-linker --no-default-features --features llvm-{major}` with the development files of \
         LLVM {major} installed and LLVM_PREFIX naming their directory; on Debian 12 instead \
         `cargo xtask ebpf --install-toolchain`"
    )
}

fn source(choice: Option<&str>, has_debian_rustc: bool) -> Source {
    match choice.filter(|choice| !choice.is_empty()) {
        Some("debian") => Source::Debian,
        Some(name) => Source::Rustup(name.into()),
        None if has_debian_rustc => Source::Debian,
        None => Source::Rustup("nightly".into()),
    }
}

/// Whether /usr/bin/rustc is of the package that follows Rust's releases, not of the old one of the distribution.
fn has_debian_rustc() -> bool {
    child::output(Command::new("dpkg-query").args(["--search", "/usr/bin/rustc"]))
        .is_ok_and(|owner| owner.starts_with("rustc-web:"))
        && Path::new("/usr/lib/rustlib/src/rust/library/core").is_dir()
}

/// Version of the LLVM in bpf-linker, which does not name it but passes arguments on to it.
fn linker_llvm(linker: &Path) -> Result<String> {
    let mut command = Command::new(linker);
    command.args(["--llvm-args=--version", "--output=/dev/null", "/dev/null"]);
    let said = child::output(&mut command)?;
    llvm_version(&said).map(str::to_owned).context("bpf-linker does not say which LLVM it has")
}

/// `22.1.8` from a text with `… LLVM version 22.1.8`.
fn llvm_version(text: &str) -> Option<&str> {
    text.split_once("LLVM version ")?.1.split_whitespace().next()
}

/// The value of a line `name: value`.
fn field<'text>(text: &'text str, name: &str) -> Option<&'text str> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// `22` of `22.1.8`.
fn major(version: &str) -> &str {
    version.split('.').next().unwrap_or(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debian_is_taken_if_it_is_there_and_nothing_else_is_asked_for() {
        assert_eq!(source(None, true), Source::Debian);
        assert_eq!(source(None, false), Source::Rustup("nightly".into()));
        assert_eq!(source(Some(""), false), Source::Rustup("nightly".into()));
        assert_eq!(source(Some("debian"), false), Source::Debian);
        assert_eq!(source(Some("nightly-2026-05-01"), true), Source::Rustup("nightly-2026-05-01".into()));
    }

    #[test]
    fn versions_are_read_from_what_the_tools_print() {
        let rustc = "rustc 1.96.0 (ac68faa20 2026-05-25)\nbinary: rustc\nLLVM version: 22.1.8\n";
        assert_eq!(field(rustc, "LLVM version"), Some("22.1.8"));
        assert_eq!(field(rustc, "LLVM"), None);
        assert_eq!(llvm_version("Debian LLVM version 22.1.8\n  Optimized build.\n"), Some("22.1.8"));
        assert_eq!(llvm_version("something else"), None);
        assert_eq!(major("22.1.8"), "22");
    }
}
