//! Goes through the host's network namespaces, one at a time, so that few files are open at once.

use std::{
    collections::HashSet,
    ffi::OsString,
    fs::{self, File},
    io,
    os::{
        fd::AsFd,
        unix::{ffi::OsStringExt, fs::MetadataExt},
    },
    path::PathBuf,
    thread,
};

use anyhow::{Context, Result, anyhow};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::{Snapshot, States, dump, processes};
use crate::address::Netns;

/// The namespace of the calling thread.
pub(super) fn here() -> Result<Netns> {
    let path = "/proc/thread-self/ns/net";
    File::open(path)
        .and_then(|file| number(&file))
        .with_context(|| format!("read the network namespace from {path}"))
}

/// Adds the sockets of every namespace but `here`.
pub(super) fn visit_others(here: Netns, states: States, snapshot: &mut Snapshot) {
    let mut visited = HashSet::from([here]);
    let mut withheld = 0;
    for process in processes::all(&mut snapshot.warnings) {
        match process.open_relative("ns/net") {
            Ok(file) => match number(&file) {
                Ok(netns) if visited.insert(netns) => visit(netns, states, &file, snapshot),
                _ => {}
            },
            Err(error) => withheld += u32::from(processes::is_withheld(&process, &error)),
        }
    }
    if withheld > 0 {
        snapshot.warnings.push(format!(
            "network namespace not readable of {}: sockets in there may be missing{}",
            processes::count(withheld),
            processes::remedy()
        ));
    }
    // `ip netns add` and container engines keep namespaces that may have no process.
    for (netns, path) in mounted(&fs::read("/proc/thread-self/mountinfo").unwrap_or_default()) {
        if !visited.insert(netns) {
            continue;
        }
        match File::open(&path) {
            Ok(file) if number(&file).is_ok_and(|found| found == netns) => {
                visit(netns, states, &file, snapshot)
            }
            Ok(_) => warn(netns, &anyhow!("another mount hides {path:?}"), snapshot),
            Err(error) => warn(netns, &anyhow!("open {path:?}: {error}"), snapshot),
        }
    }
}

fn visit(netns: Netns, states: States, namespace: &File, snapshot: &mut Snapshot) {
    // A thread of its own, because one that has moved may lack the privilege to come back.
    let inside = || {
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
            .context("enter it (needs CAP_SYS_ADMIN)")?;
        dump::namespace(netns, states, snapshot)
    };
    let result = thread::scope(|scope| {
        let visitor = thread::Builder::new().spawn_scoped(scope, inside).context("start a thread")?;
        visitor.join().unwrap_or_else(|_| Err(anyhow!("the thread in there panicked")))
    });
    if let Err(error) = result {
        warn(netns, &error, snapshot);
    }
}

fn warn(netns: Netns, error: &anyhow::Error, snapshot: &mut Snapshot) {
    snapshot.warnings.push(format!("network namespace {}: its sockets are missing: {error:#}", netns.0));
}

/// Number of a namespace: the kernel allots 32-bit inode numbers to namespaces (`proc_alloc_inum`).
fn number(namespace: &File) -> io::Result<Netns> {
    u32::try_from(namespace.metadata()?.ino()).map(Netns).map_err(io::Error::other)
}

/// The network namespaces that are mounted, from `/proc/PID/mountinfo`: the fourth field is `net:[NUMBER]`, the fifth
/// where. By hand, because `procfs` gives up the whole file for one mount point that is not UTF-8.
fn mounted(mountinfo: &[u8]) -> Vec<(Netns, PathBuf)> {
    let line = |line: &[u8]| {
        let mut fields = line.split(|byte| *byte == b' ').skip(3);
        let number = fields.next()?.strip_prefix(b"net:[")?.strip_suffix(b"]")?;
        let path = OsString::from_vec(unescape(fields.next()?));
        Some((Netns(str::from_utf8(number).ok()?.parse().ok()?), path.into()))
    };
    mountinfo.split(|byte| *byte == b'\n').filter_map(line).collect()
}

/// Undoes `mangle_path` (`fs/seq_file.c`): `\040` is a space.
fn unescape(mut field: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(field.len());
    while let Some((first, rest)) = field.split_first() {
        match field {
            [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', rest @ ..] => {
                plain.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                field = rest;
            }
            _ => {
                plain.push(*first);
                field = rest;
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounted_namespaces_are_found_among_other_mounts() {
        let mountinfo = b"21 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n\
            90 21 0:4 net:[4026532281] /run/netns/blue rw shared:31 - nsfs nsfs rw\n\
            91 21 0:4 mnt:[4026532282] /run/mounts/red rw shared:31 - nsfs nsfs rw\n\
            92 21 0:40 / /mnt/\xff\\040 rw - tmpfs none rw\n\
            93 21 0:4 net:[4026532283] /run/netns/a\\040b\\134c rw shared:31 - nsfs nsfs rw\n\
            94 21 0:4 net:[99999999999] /run/netns/big rw - nsfs nsfs rw\n\
            95 21 0:4 net:[4026532284]";
        assert_eq!(
            mounted(mountinfo),
            [
                (Netns(4_026_532_281), "/run/netns/blue".into()),
                (Netns(4_026_532_283), "/run/netns/a b\\c".into()),
            ]
        );
    }
}
