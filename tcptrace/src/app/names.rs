//! Names on the command line that only this host can resolve.

use std::{fs, os::unix::fs::MetadataExt as _};

use anyhow::Context as _;

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

/// The number of a user. By /etc/passwd alone: a directory service could not be asked without its libraries.
fn user(name: &UserName) -> anyhow::Result<u32> {
    const USERS: &str = "/etc/passwd";
    match name {
        UserName::Id(id) => Ok(*id),
        UserName::Name(name) => fs::read_to_string(USERS)
            .with_context(|| format!("look up user {name:?} in {USERS}"))?
            .lines()
            .find_map(|line| {
                let mut fields = line.split(':');
                (fields.next()? == name).then(|| fields.nth(1)?.parse().ok())?
            })
            .with_context(|| {
                format!("no user {name:?} in {USERS}: give the number instead (`id -u {name}`)")
            }),
    }
}

/// Release of the running kernel, like `6.18.44`.
pub(super) fn kernel_release() -> String {
    rustix::system::uname().release().to_string_lossy().into_owned()
}
