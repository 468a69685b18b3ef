//! The stamp of the committed object, which says what made it: a text file of five lines that a person can read and a diff can show.

use anyhow::{Context, Error, Result};
use std::{fmt, str::FromStr};

/// The versions that decide about the bytes of the object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versions {
    /// Version of rustc, as `rustc -V` prints it.
    pub rustc: String,
    /// The LLVM in rustc, which optimises each crate.
    pub llvm: String,
    /// bpf-linker, and the LLVM in it, which writes the BPF code.
    pub linker: String,
}

/// The record beside the committed object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// Tools that made the object.
    pub tools: Versions,
    /// SHA-256 over the sources of the object, in hex.
    pub sources: String,
    /// SHA-256 of the object itself, in hex.
    pub object: String,
}

impl fmt::Display for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rustc, llvm, linker } = self;
        write!(f, "rustc: {rustc}\nrustc-llvm: {llvm}\nbpf-linker: {linker}\n")
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tools, sources, object } = self;
        writeln!(f, "# Written by `cargo xtask ebpf`, read by `cargo xtask ebpf --check`.")?;
        write!(f, "{tools}sources-sha256: {sources}\nobject-sha256: {object}\n")
    }
}

impl FromStr for Stamp {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let field = |name: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
                .map(|value| value.trim_end().to_owned())
                .with_context(|| format!("no line `{name}: …`: run `cargo xtask ebpf` to write it anew"))
        };
        Ok(Self {
            tools: Versions {
                rustc: field("rustc")?,
                llvm: field("rustc-llvm")?,
                linker: field("bpf-linker")?,
            },
            sources: field("sources-sha256")?,
            object: field("object-sha256")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp() -> Stamp {
        Stamp {
            tools: Versions {
                rustc: "rustc 1.96.0 (ac68faa20 2026-05-25) (built: from source)".into(),
                llvm: "22.1.8".into(),
                linker: "bpf-linker 0.13.0, LLVM 22.1.8".into(),
            },
            sources: "ab".repeat(32),
            object: "cd".repeat(32),
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        assert_eq!(stamp().to_string().parse::<Stamp>().unwrap(), stamp());
    }

    #[test]
    fn a_missing_line_is_named() {
        let text = stamp().to_string().replace("rustc-llvm", "llvm");
        let error = text.parse::<Stamp>().unwrap_err().to_string();
        assert!(error.contains("`rustc-llvm: …`"), "{error}");
    }
}
