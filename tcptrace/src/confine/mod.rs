//! Privileges that a trace gives up for good once everything is attached, so that nobody who finds a fault in it gains more
//! than it still has.
//!
//! No Landlock: a process under it may not look at the files of others (`hook_ptrace_access_check` in
//! `security/landlock/task.c`), and whose a socket is would be unknown.

mod calls;

use std::fs;

use anyhow::{Context as _, Result, bail};
use rustix::{
    process::{Gid, Uid},
    thread::{
        CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set,
        remove_capability_from_bounding_set, set_capabilities, set_keep_capabilities, set_no_new_privs,
        set_thread_groups, set_thread_res_gid, set_thread_res_uid,
    },
};

pub use calls::calls;

/// User and rights that a trace goes on with.
#[derive(Clone, Copy, Debug, Default)]
pub struct Confinement {
    /// User and group to change to; `None` keeps the caller's.
    pub user: Option<(Uid, Gid)>,
    /// Whether an output is a file: it may still be opened for writing, by the rights of the user, when it was moved away.
    pub writes_file: bool,
    /// Whether a command is traced: signals are passed on to it, and its end is waited for.
    pub has_command: bool,
}

/// Capabilities that every trace keeps, as far as they are there:
/// - `CAP_SYS_PTRACE` and `CAP_DAC_READ_SEARCH`, to read from `/proc` whose a socket is;
/// - `CAP_SYS_ADMIN`, to list the sockets of other network namespaces (`setns`);
/// - `CAP_BPF`, to read the counters: before Linux 5.19 any use of a map takes it.
pub const KEPT: CapabilitySet = CapabilitySet::SYS_PTRACE
    .union(CapabilitySet::DAC_READ_SEARCH)
    .union(CapabilitySet::SYS_ADMIN)
    .union(CapabilitySet::BPF);

/// Capability that the trace of a command keeps besides: it passes signals on, and the command may have become another user.
pub const KEPT_FOR_COMMAND: CapabilitySet = CapabilitySet::KILL;

/// Confines the process for good. It must have no other thread yet: ids, capabilities and the filter belong to each thread,
/// and threads that start later inherit them.
///
/// # Errors
/// When there is another thread, or the kernel refuses any of it: then less was given up than should have been.
pub fn confine(confinement: Confinement) -> Result<()> {
    let filters = calls::filters(confinement)?;
    let threads = count_threads();
    if threads > 1 {
        bail!("only one thread can be confined, and there are {threads}");
    }
    let keep = if confinement.has_command { KEPT.union(KEPT_FOR_COMMAND) } else { KEPT };
    let own = capabilities(None).context("read the capabilities")?;
    for capability in CapabilitySet::all().difference(keep).iter() {
        // Needs CAP_SETPCAP, and fails for one that this kernel does not know. What counts is what is set below:
        // without exec nothing comes out of the bounding set.
        let _ = remove_capability_from_bounding_set(capability);
    }
    // Before Linux 4.3 there is none.
    let _ = clear_ambient_capability_set();
    if let Some((user, group)) = confinement.user {
        become_user(user, group)
            .with_context(|| format!("go on as user {} (needs CAP_SETUID and CAP_SETGID)", user.as_raw()))?;
    }
    let kept = own.permitted.intersection(keep);
    set_capabilities(
        None,
        CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() },
    )
    .context("drop capabilities")?;
    set_no_new_privs(true).context("forswear new privileges")?;
    for filter in &filters {
        // Fails if another thread has a filter of its own.
        seccompiler::apply_filter_all_threads(filter).context("install the filter of system calls")?;
    }
    Ok(())
}

/// Threads of this process, as far as `/proc` says; without it, one.
fn count_threads() -> usize {
    fs::read_dir("/proc/self/task").map_or(1, Iterator::count)
}

fn become_user(user: Uid, group: Gid) -> rustix::io::Result<()> {
    set_keep_capabilities(true)?;
    set_thread_groups(&[])?;
    set_thread_res_gid(group, group, group)?;
    set_thread_res_uid(user, user, user)
}
