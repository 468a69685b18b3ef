//! Finds who holds the sockets, by their inodes: one pass over the descriptors of all processes.
//!
//! Inodes of sockets are unique on the host, also across network namespaces: all of them live in the one `sockfs`.

use std::{collections::HashMap, io::Read};

use procfs::{
    ProcError, ProcResult,
    process::{FDTarget, Process},
};

use super::{Snapshot, processes};
use crate::dumped::{DumpedSocket, Holder};

/// Holders by inode.
type Holders = HashMap<u32, Option<Holder>>;

/// Fills in the owners of the sockets that have a file.
pub(super) fn assign(snapshot: &mut Snapshot) {
    let Snapshot { sockets, warnings, .. } = snapshot;
    let mut holders: Holders = sockets
        .iter()
        .map(|socket| socket.inode)
        .filter(|inode| *inode != 0)
        .map(|inode| (inode, None))
        .collect();
    if holders.is_empty() {
        return;
    }
    let mut withheld = 0;
    for process in processes::all(warnings) {
        if let Err(error) = add(&process, &mut holders) {
            withheld += u32::from(processes::is_withheld(&process, &error));
        }
    }
    for socket in &mut *sockets {
        socket.holder = holders.get(&socket.inode).cloned().flatten();
    }
    let ownerless = |socket: &&DumpedSocket| socket.inode != 0 && socket.holder.is_none();
    let missing = sockets.iter().filter(ownerless).count();
    if withheld > 0 && missing > 0 {
        warnings.push(format!(
            "owner not known of {missing} of the sockets: descriptors not readable of {}{}",
            processes::count(withheld),
            processes::remedy()
        ));
    }
}

/// Adds the sockets that `process` holds.
fn add(process: &Process, holders: &mut Holders) -> ProcResult<()> {
    let mut held: HashMap<u32, i32> = HashMap::new();
    let mut readable = false;
    for file in process.fd()?.map_while(Result::ok) {
        readable = true;
        let FDTarget::Socket(inode) = file.target else { continue };
        let Some(inode) = u32::try_from(inode).ok().filter(|inode| holders.contains_key(inode)) else {
            continue;
        };
        held.entry(inode).and_modify(|fd| *fd = file.fd.min(*fd)).or_insert(file.fd);
    }
    // With CAP_DAC_READ_SEARCH alone the list opens, but none of its links can be read; `fd` then yields nothing.
    if !readable && process.fd_count()? > 0 {
        return Err(ProcError::PermissionDenied(None));
    }
    if held.is_empty() {
        return Ok(());
    }
    let process = identify(process)?;
    for (inode, fd) in held {
        merge(holders.entry(inode).or_default(), Holder { fd, ..process.clone() });
    }
    Ok(())
}

fn identify(process: &Process) -> ProcResult<Holder> {
    let pid = process.pid().unsigned_abs();
    // In this order: for a process that is gone the uid reads as root's, but then there is no comm (`pid_getattr`).
    let uid = process.uid()?;
    let mut comm = Vec::new();
    process.open_relative("comm")?.read_to_end(&mut comm)?;
    // Only the newline that the kernel adds: the name itself may end in one.
    comm.pop_if(|byte| *byte == b'\n');
    Ok(Holder { pid, comm, uid, fd: -1, others: 0 })
}

/// Merges the holder from one more process.
fn merge(slot: &mut Option<Holder>, new: Holder) {
    match slot {
        None => *slot = Some(new),
        Some(known) if known.pid < new.pid => known.others += 1,
        Some(known) => *known = Holder { others: known.others + 1, ..new },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_process_speaks_for_all() {
        let holder = |pid| Holder { pid, comm: pid.to_string().into(), uid: pid, fd: 3, others: 0 };
        for order in [[7, 8, 9], [8, 7, 9], [9, 8, 7]] {
            let mut slot = None;
            order.into_iter().for_each(|pid| merge(&mut slot, holder(pid)));
            assert_eq!(slot, Some(Holder { others: 2, ..holder(7) }));
        }
    }
}
