//! Names on the command line that only this host can resolve.

use std::{fs, os::unix::fs::MetadataExt as _};

use anyhow::Context as _;
use rustix::process::{Gid, Uid};

use super::Failure;
use crate::{
    address::Netns,
    cli::{NetnsName, Selection, UserName},
    filter::Filter,
};

/// The filter of a selection, its users and its network namespace looked up.
pub(super) fn resolve(selection: Selection) -> Result<Filter, Failure> {
    let Selection { mut filter, users, netns } = selection;
    filter.uids = users.iter().map(user).collect::<anyhow::Result<_>>().map_err(Failure::usage)?;
    filter.netns = match netns {
        None => None,
        Some(NetnsName::Inode(inode)) => Some(Netns(inode)),
        Some(NetnsName::Path(path)) => {
            let inode = fs::metadata(&path)
                .with_context(|| {
                    format!("look up network namespace {path} (`ip netns` lists the named ones)")
                })
                .map_err(Failure::usage)?
                .ino();
            // Namespace inodes come from a 32-bit counter (fs/nsfs.c).
            let inode = u32::try_from(inode)
                .ok()
                .with_context(|| format!("{path} is no network namespace"))
                .map_err(Failure::usage)?;
            Some(Netns(inode))
        }
    };
    Ok(filter)
}

/// The number of a user.
fn user(name: &UserName) -> anyhow::Result<u32> {
    match name {
        UserName::Id(id) => Ok(*id),
        UserName::Name(name) => users(name)?
            .lines()
            .filter_map(account)
            .find_map(|(known, user, _)| (known == name).then_some(user))
            .with_context(|| {
                format!("no user {name:?} in {USERS}: give the number instead (`id -u {name}`)")
            }),
    }
}

/// A user to run as, and the group to do it in: one's own, or for a number that nobody has, the same number.
pub(super) fn account_of(name: &UserName) -> Result<(Uid, Gid), Failure> {
    let id = user(name).map_err(Failure::usage)?;
    let users = users(&id.to_string()).map_err(Failure::usage)?;
    let group = users.lines().filter_map(account).find_map(|(_, user, group)| (user == id).then_some(group));
    let is_one = id != u32::MAX;
    let is_one = is_one.then(|| (Uid::from_raw(id), Gid::from_raw(group.unwrap_or(id))));
    is_one.context("no user has this number").map_err(Failure::usage)
}

/// By this alone: a directory service could not be asked without its libraries.
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

/// Release of the running kernel, like `6.18.44`.
pub(super) fn kernel_release() -> String {
    rustix::system::uname().release().to_string_lossy().into_owned()
}
