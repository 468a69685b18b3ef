//! Cgroups by id: the inode number of their directory in the unified hierarchy.

use std::{
    collections::HashMap,
    fs,
    os::unix::fs::{DirEntryExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

/// Where the unified hierarchy is mounted: alone, or beside the older ones.
const ROOTS: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];

/// More directories than this are not looked at.
const MOST: usize = 20_000;

/// Every cgroup that there is: its path by its id. Empty where the unified hierarchy is not mounted.
#[must_use]
pub fn cgroups() -> HashMap<u64, String> {
    let mut found = HashMap::new();
    let Some(root) = root() else { return found };
    if let Ok(metadata) = fs::metadata(root) {
        found.insert(metadata.ino(), "/".to_owned());
    }
    let mut look_at = vec![PathBuf::from(root)];
    while let Some(directory) = look_at.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            if found.len() >= MOST {
                return found;
            }
            let path = entry.path();
            if let (true, Ok(below)) =
                (entry.file_type().is_ok_and(|kind| kind.is_dir()), path.strip_prefix(root))
            {
                found.insert(entry.ino(), format!("/{}", below.display()));
                look_at.push(path);
            }
        }
    }
    found
}

/// The path of a process's cgroup in the unified hierarchy, from the line `0::PATH`.
#[must_use]
pub fn cgroup_of(pid: u32) -> Option<String> {
    let text = fs::read(format!("/proc/{pid}/cgroup")).ok()?;
    let line = text.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"0::"))?;
    Some(String::from_utf8_lossy(line).into_owned())
}

fn root() -> Option<&'static str> {
    ROOTS.into_iter().find(|root| Path::new(root).join("cgroup.controllers").exists())
}
