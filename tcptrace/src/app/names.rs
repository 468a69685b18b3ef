//! Users and network namespaces of the command line, which only this host can resolve.

use std::{
    fs,
    os::fd::{AsRawFd as _, OwnedFd},
};

use anyhow::Context as _;
use rustix::{
    fs::{Mode, OFlags},
    process::{Gid, Uid},
};

use super::Failure;
use crate::{
    address::Netns,
    cli::{NetnsName, Selection, UserName},
    filter::Filter,
};

/// Filter of a selection, with its users and its network namespace looked up.
pub(super) fn resolve(selection: Selection) -> Result<Filter, Failure> {
    let Selection { mut filter, users, netns } = selection;
    filter.uids = users.iter().map(user).collect::<anyhow::Result<_>>().map_err(Failure::usage)?;
    filter.netns = match netns {
        None => None,
        Some(NetnsName::Inode(inode)) => Some(Netns(inode)),
        Some(NetnsName::Path(path)) => Some(namespace(&path).map_err(Failure::usage)?),
    };
    Ok(filter)
}

/// Network namespace that a path leads to.
fn namespace(path: &str) -> anyhow::Result<Netns> {
    let looking = || format!("look up network namespace {path} (`ip netns` lists the names)");
    let file = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).with_context(looking)?;
    let is_namespace = rustix::fs::fstatfs(&file).with_context(looking)?.f_type == NSFS;
    let inode = rustix::fs::fstat(&file).with_context(looking)?.st_ino;
    // Namespace inodes come from a 32-bit counter (fs/nsfs.c).
    let inode = u32::try_from(inode).ok().filter(|_| is_namespace && !is_of_another_kind(&file));
    inode.map(Netns).with_context(|| format!("{path} is not a network namespace"))
}

/// Whether the link to an open namespace says that it is of another kind, like `mnt:[4026531841]`. One that is mounted has the
/// name of its mount point, which says nothing.
fn is_of_another_kind(namespace: &OwnedFd) -> bool {
    let link = fs::read_link(format!("/proc/self/fd/{}", namespace.as_raw_fd())).unwrap_or_default();
    let link = link.to_string_lossy();
    !link.starts_with('/') && link.contains(":[") && !link.starts_with("net:[")
}

/// File system of namespaces (`NSFS_MAGIC`, `include/uapi/linux/magic.h`).
const NSFS: i64 = 0x6e73_6673;

/// Number of a user.
fn user(name: &UserName) -> anyhow::Result<u32> {
    match name {
        UserName::Id(id) => Ok(*id),
        UserName::Name(name) => users(name)?
            .lines()
            .filter_map(account)
            .find_map(|(known, user, _)| (known == name).then_some(user))
            .with_context(|| {
                format!("no user {name:?} in {USERS}: write the number instead (`id -u {name}`)")
            }),
    }
}

/// User and group to run as. The group is the user's own, or has the user's number where nobody has that number.
pub(super) fn account_of(name: &UserName) -> Result<(Uid, Gid), Failure> {
    let id = user(name).map_err(Failure::usage)?;
    let users = users(&id.to_string()).map_err(Failure::usage)?;
    let group = users.lines().filter_map(account).find_map(|(_, user, group)| (user == id).then_some(group));
    let is_one = id != u32::MAX;
    let is_one = is_one.then(|| (Uid::from_raw(id), Gid::from_raw(group.unwrap_or(id))));
    is_one.with_context(|| format!("{id} is not a user id")).map_err(Failure::usage)
}

/// The only source of user names: asking a directory service would take its libraries.
const USERS: &str = "/etc/passwd";

fn users(wanted: &str) -> anyhow::Result<String> {
    fs::read_to_string(USERS).with_context(|| format!("look up user {wanted:?} in {USERS}"))
}

/// Name, number and group of a line in [`USERS`].
fn account(line: &str) -> Option<(&str, u32, u32)> {
    let mut fields = line.split(':');
    let (name, _, user, group) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    Some((name, user.parse().ok()?, group.parse().ok()?))
}
