//! Cgroups by id: the inode number of their directory in the unified hierarchy.

use std::{
    collections::HashMap,
    fmt::Display,
    fs,
    os::unix::fs::{DirEntryExt as _, MetadataExt as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{cgroup::Cgroup, dumped::DumpedSocket};

/// Mount points of the unified hierarchy: alone, or beside the older ones.
const ROOTS: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];

/// Most directories to look at.
const MOST: usize = 20_000;

/// Paths of all cgroups by their ids. Empty where the unified hierarchy is not mounted.
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

/// The cgroup of a process.
#[must_use]
pub fn cgroup_of(pid: u32) -> Option<Cgroup> {
    Cgroup::of_process(&read(pid)?)
}

/// Whether there are hierarchies of the older kind (cgroup v1), of which the kernel's ids say nothing.
#[must_use]
pub fn has_older() -> bool {
    read("self").is_some_and(|text| text.lines().any(|line| !line.starts_with("0::")))
}

/// Fills in each socket's cgroup: by its id; where that leads nowhere, or no further than the root, by its holder.
pub(super) fn assign(sockets: &mut [DumpedSocket]) {
    let paths = cgroups();
    let mut by_id: HashMap<u64, Option<Arc<Cgroup>>> = HashMap::new();
    let mut by_pid: HashMap<u32, Option<Arc<Cgroup>>> = HashMap::new();
    for socket in sockets {
        let own = socket.cgroup_id.and_then(|id| {
            let named = || paths.get(&id).map(|path| Arc::new(Cgroup::new(path)));
            by_id.entry(id).or_insert_with(named).clone()
        });
        let mut holders = || {
            let pid = socket.holder.as_ref()?.pid;
            by_pid.entry(pid).or_insert_with(|| cgroup_of(pid).map(Arc::new)).clone()
        };
        socket.cgroup = match own {
            None => holders(),
            Some(root) if root.is_root() => holders().filter(|cgroup| cgroup.is_older).or(Some(root)),
            own => own,
        };
    }
}

fn read(process: impl Display) -> Option<String> {
    let text = fs::read(format!("/proc/{process}/cgroup")).ok()?;
    Some(String::from_utf8_lossy(&text).into_owned())
}

fn root() -> Option<&'static str> {
    ROOTS.into_iter().find(|root| Path::new(root).join("cgroup.controllers").exists())
}
