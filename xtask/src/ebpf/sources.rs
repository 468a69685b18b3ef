//! One hash over everything in this repository that decides about the object, computed without any toolchain.
//!
//! That is the kernel side's crate, the profile and dependency versions that the workspace gives it, the locked
//! version of each crate it is built from, and the compiler flags. The workspace's own version, lints and other
//! dependencies are not part of it: the object is the same whatever they are.

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// The hash of the sources of the workspace at `root` and the compiler's flags, in hex.
pub fn fingerprint(root: &Path, flags: &[&str]) -> Result<String> {
    let read = |name: &str| {
        let path = root.join(name);
        fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))
    };
    let mut parts = BTreeMap::new();
    collect(&root.join("tcptrace-ebpf/src"), "tcptrace-ebpf/src", &mut parts)?;
    parts.insert("tcptrace-ebpf/Cargo.toml".into(), read("tcptrace-ebpf/Cargo.toml")?.into());
    parts.insert("Cargo.toml".into(), build_sections(&read("Cargo.toml")?).into());
    parts.insert("Cargo.lock".into(), locked(&read("Cargo.lock")?, "tcptrace-ebpf").into());
    parts.insert("flags".into(), flags.join("\n").into());
    Ok(digest(&parts))
}

/// SHA-256 in hex.
pub fn sha256(bytes: &[u8]) -> String {
    hex(Sha256::digest(bytes).as_slice())
}

/// Hash over all parts: name and length go in before the content, so that no two sets of parts look alike.
fn digest(parts: &BTreeMap<String, Vec<u8>>) -> String {
    let mut hash = Sha256::new();
    for (name, content) in parts {
        hash.update(format!("{name}\n{}\n", content.len()));
        hash.update(content);
    }
    hex(hash.finalize().as_slice())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Every file under a directory, under a name that is the same on every machine.
fn collect(directory: &Path, name: &str, parts: &mut BTreeMap<String, Vec<u8>>) -> Result<()> {
    let what = || format!("read {}", directory.display());
    for entry in fs::read_dir(directory).with_context(what)? {
        let path = entry.with_context(what)?.path();
        let name = format!("{name}/{}", path.file_name().unwrap_or_default().to_string_lossy());
        if path.is_dir() {
            collect(&path, &name, parts)?;
        } else {
            parts.insert(name, fs::read(&path).with_context(|| format!("read {}", path.display()))?);
        }
    }
    Ok(())
}

/// The lines of the workspace manifest that a build of the kernel side depends on: profiles and dependency versions.
fn build_sections(manifest: &str) -> String {
    let mut inside = false;
    let mut kept = String::new();
    for line in manifest.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if line.starts_with('[') {
            inside = line.starts_with("[profile.") || line.starts_with("[workspace.dependencies");
        }
        if inside {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

/// The entries of a lock file that a package depends on, direct or not, one a line: name, version, checksum.
fn locked(lock: &str, package: &str) -> String {
    let entries: Vec<Entry<'_>> = lock.split("[[package]]").skip(1).map(Entry::parse).collect();
    let mut reached = BTreeSet::new();
    let mut todo: Vec<&Entry<'_>> = entries.iter().filter(|entry| entry.name == package).collect();
    while let Some(entry) = todo.pop() {
        for dependency in &entry.dependencies {
            // "name", or "name version" where the lock file has several versions.
            let mut words = dependency.split(' ');
            let (name, version) = (words.next().unwrap_or_default(), words.next());
            let matching =
                |other: &&Entry<'_>| other.name == name && version.is_none_or(|v| v == other.version);
            for found in entries.iter().filter(matching) {
                if reached.insert(format!("{} {} {}\n", found.name, found.version, found.checksum)) {
                    todo.push(found);
                }
            }
        }
    }
    reached.into_iter().collect()
}

/// One `[[package]]` of a lock file, which Cargo always writes with one value a line.
#[derive(Default)]
struct Entry<'lock> {
    name: &'lock str,
    version: &'lock str,
    checksum: &'lock str,
    dependencies: Vec<&'lock str>,
}

impl<'lock> Entry<'lock> {
    fn parse(text: &'lock str) -> Self {
        let mut entry = Self::default();
        for line in text.lines() {
            match line.split_once(" = ") {
                Some(("name", value)) => entry.name = value.trim_matches('"'),
                Some(("version", value)) => entry.version = value.trim_matches('"'),
                Some(("checksum", value)) => entry.checksum = value.trim_matches('"'),
                Some(_) => {}
                None => entry
                    .dependencies
                    .extend(line.trim().strip_prefix('"').and_then(|rest| rest.strip_suffix("\","))),
            }
        }
        entry
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = r#"version = 4

[[package]]
name = "kernel"
version = "0.1.0"
dependencies = [
 "a",
 "syn 2.0.0",
]

[[package]]
name = "a"
version = "1.0.0"
source = "registry"
checksum = "aa"
dependencies = [
 "kernel-derive",
]

[[package]]
name = "kernel-derive"
version = "3.0.0"
checksum = "dd"

[[package]]
name = "syn"
version = "1.0.0"
checksum = "s1"

[[package]]
name = "syn"
version = "2.0.0"
checksum = "s2"

[[package]]
name = "unrelated"
version = "9.0.0"
checksum = "uu"
dependencies = [
 "a",
]
"#;

    #[test]
    fn only_what_the_package_reaches_is_taken_from_the_lock_file() {
        assert_eq!(locked(LOCK, "kernel"), "a 1.0.0 aa\nkernel-derive 3.0.0 dd\nsyn 2.0.0 s2\n");
    }

    #[test]
    fn of_the_manifest_only_profiles_and_dependencies_count() {
        let manifest = "[workspace]\nmembers = []\n[workspace.package]\nversion = \"1\"\n\
                        [workspace.dependencies]\n# why\nz = \"1\"\n\n[profile.release]\nlto = true\n[x]\ny = 1\n";
        assert_eq!(
            build_sections(manifest),
            "[workspace.dependencies]\nz = \"1\"\n[profile.release]\nlto = true\n"
        );
    }

    #[test]
    fn moving_bytes_between_files_changes_the_hash() {
        let parts = |list: [(&str, &str); 2]| {
            digest(&list.map(|(name, content)| (name.to_owned(), content.as_bytes().to_vec())).into())
        };
        let one = parts([("a", "12"), ("b", "3")]);
        assert_eq!(one, parts([("b", "3"), ("a", "12")]), "order of listing must not matter");
        assert_ne!(one, parts([("a", "1"), ("b", "23")]));
        assert_ne!(one, parts([("a", "12"), ("c", "3")]));
    }

    #[test]
    fn the_fingerprint_follows_the_files() {
        let root = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        put("Cargo.toml", "[profile.release]\n");
        put("Cargo.lock", LOCK);
        put("tcptrace-ebpf/Cargo.toml", "");
        put("tcptrace-ebpf/src/main.rs", "mod programs;");
        put("tcptrace-ebpf/src/programs/mod.rs", "");
        let before = fingerprint(root.path(), &["--flag"]).unwrap();
        put("tcptrace/src/main.rs", "fn main() {}");
        assert_eq!(fingerprint(root.path(), &["--flag"]).unwrap(), before, "user space is not part of it");
        put("tcptrace-ebpf/src/programs/mod.rs", " ");
        assert_ne!(fingerprint(root.path(), &["--flag"]).unwrap(), before);
    }

    #[test]
    fn sha256_is_the_standard_one() {
        // FIPS 180-2, appendix B.1.
        assert_eq!(sha256(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
