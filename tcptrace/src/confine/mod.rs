//! Privileges that a trace gives up for good once everything is attached, so that nobody who finds a fault in it gains more
//! than it still has.
//!
//! No Landlock: a process under it may not look at the files of others (`hook_ptrace_access_check` in
//! `security/landlock/task.c`), and whose a socket is would be unknown.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use rustix::{
    process::{Gid, Uid},
    thread::{
        CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set,
        remove_capability_from_bounding_set, set_capabilities, set_keep_capabilities, set_no_new_privs,
        set_thread_groups, set_thread_res_gid, set_thread_res_uid,
    },
};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen::Dword, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

/// User and rights that a trace goes on with.
#[derive(Clone, Copy, Debug, Default)]
pub struct Confinement {
    /// User and group to change to; `None` keeps the caller's.
    pub user: Option<(Uid, Gid)>,
    /// Whether files may still be opened for writing, by the rights of the user: an output that is moved away is opened again.
    pub reopens: bool,
}

/// Capabilities that are kept, as far as they are there:
/// - `CAP_SYS_PTRACE` and `CAP_DAC_READ_SEARCH`, to read from `/proc` whose a socket is;
/// - `CAP_SYS_ADMIN`, to list the sockets of other network namespaces (`setns`);
/// - `CAP_BPF`, to read the counters: before Linux 5.19 any use of a map takes it;
/// - `CAP_KILL`, to pass signals on to the command that is traced.
pub const KEPT: CapabilitySet = CapabilitySet::SYS_PTRACE
    .union(CapabilitySet::DAC_READ_SEARCH)
    .union(CapabilitySet::SYS_ADMIN)
    .union(CapabilitySet::BPF)
    .union(CapabilitySet::KILL);

/// Confines the calling thread, and those that it starts from now on.
///
/// # Errors
/// When the kernel refuses any of it: then less was given up than should have been.
pub fn confine(confinement: Confinement) -> Result<()> {
    let own = capabilities(None).context("read the capabilities")?;
    for capability in CapabilitySet::all().difference(KEPT).iter() {
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
    let kept = own.permitted.intersection(KEPT);
    set_capabilities(
        None,
        CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() },
    )
    .context("drop capabilities")?;
    set_no_new_privs(true).context("forswear new privileges")?;
    seccompiler::apply_filter(&filter(confinement.reopens)?).context("install the filter of system calls")
}

fn become_user(user: Uid, group: Gid) -> rustix::io::Result<()> {
    set_keep_capabilities(true)?;
    set_thread_groups(&[])?;
    set_thread_res_gid(group, group, group)?;
    set_thread_res_uid(user, user, user)
}

/// The system call filter: refuses with `EPERM` what a trace never does once it runs and what would be of most use to an
/// attacker: programs, files, connections, other processes, the kernel.
fn filter(reopens: bool) -> Result<BpfProgram> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = NEVER.iter().map(|call| (*call, Vec::new())).collect();
    // Nothing but netlink, by which sockets are listed.
    rules.insert(libc::SYS_socket, vec![unless(0, &[libc::AF_NETLINK as u64])?]);
    // Maps are read and written; nothing is loaded, attached or pinned (`enum bpf_cmd`).
    const LOOKUP: u64 = 1;
    const UPDATE: u64 = 2;
    const NEXT_KEY: u64 = 4;
    const INFO: u64 = 15;
    rules.insert(libc::SYS_bpf, vec![unless(0, &[LOOKUP, UPDATE, NEXT_KEY, INFO])?]);
    if !reopens {
        rules.insert(libc::SYS_openat, writing(2)?);
        #[cfg(target_arch = "x86_64")]
        rules.insert(libc::SYS_open, writing(1)?);
    }
    let arch = std::env::consts::ARCH.try_into().context("filter system calls on this machine")?;
    let refuse = SeccompAction::Errno(libc::EPERM as u32);
    SeccompFilter::new(rules, SeccompAction::Allow, refuse, arch)
        .and_then(TryInto::try_into)
        .context("make the filter of system calls")
}

/// A rule that matches if the argument is none of these.
fn unless(argument: u8, values: &[u64]) -> Result<SeccompRule> {
    let conditions =
        values.iter().map(|value| SeccompCondition::new(argument, Dword, SeccompCmpOp::Ne, *value));
    let conditions = conditions.collect::<Result<_, _>>();
    conditions.and_then(SeccompRule::new).context("make a rule about a system call")
}

/// Rules that match the flags of `open` that lead to more than reading.
fn writing(argument: u8) -> Result<Vec<SeccompRule>> {
    [libc::O_WRONLY, libc::O_RDWR, libc::O_CREAT, libc::O_TRUNC]
        .map(|flag| {
            let flag = flag as u64;
            SeccompCondition::new(argument, Dword, SeccompCmpOp::MaskedEq(flag), flag)
                .and_then(|condition| SeccompRule::new(vec![condition]))
                .context("make a rule about a system call")
        })
        .into_iter()
        .collect()
}

/// System calls that a trace never makes, whatever their arguments.
const NEVER: &[i64] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    // Its flags are out of a filter's sight.
    libc::SYS_openat2,
    libc::SYS_mkdirat,
    libc::SYS_mknodat,
    libc::SYS_linkat,
    libc::SYS_symlinkat,
    libc::SYS_unlinkat,
    libc::SYS_renameat2,
    libc::SYS_truncate,
    libc::SYS_fchmodat,
    libc::SYS_fchownat,
    libc::SYS_open_by_handle_at,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_open_tree,
    libc::SYS_mount_setattr,
    libc::SYS_chroot,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_socketpair,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_unshare,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_add_key,
    libc::SYS_keyctl,
    libc::SYS_io_uring_setup,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_creat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_mkdir,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_mknod,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_link,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_symlink,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_unlink,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rmdir,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rename,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_renameat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chmod,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lchown,
];
