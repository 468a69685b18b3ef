//! System calls that a trace still makes once it is confined. Every other one fails with `EPERM`.
//!
//! Arguments are checked where a call could do more than what it is here for. What a pointer points to is out of a
//! filter's sight, so paths are not checked, and neither are calls that take their flags from memory (`clone3`, `openat2`).

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen::Dword, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

use super::Confinement;
use Check::{Has, Is, Lacks};

/// Check of an argument, by its number. Only its lower half counts, as in the kernel: all that are checked are `int`s, or
/// have their flags below bit 32.
#[derive(Clone, Copy, Debug)]
enum Check {
    Is(u8, i32),
    /// All of these bits are set.
    Has(u8, i32),
    /// None of these bits is set.
    Lacks(u8, i32),
}

/// A call, and all that must hold of its arguments. A call may have several lines: one of them must fit.
type Line = (i64, &'static [Check]);

/// Namespaces that a new thread could be put into (`clone`).
const NEW_NAMESPACES: i32 = libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET;

/// `AF_NETLINK`'s protocol that lists sockets.
const SOCK_DIAG: i32 = libc::NETLINK_SOCK_DIAG;

/// Bytes of an address of such a socket; those of all others are longer, or as long as a path.
const NETLINK_ADDRESS: i32 = size_of::<libc::sockaddr_nl>() as i32;

/// Commands of `bpf` that read a map or describe it (`enum bpf_cmd`); nothing is loaded, attached or pinned.
const LOOKUP: i32 = 1;
const UPDATE: i32 = 2;
const INFO: i32 = 15;

/// Calls of every trace.
const ALWAYS: &[Line] = &[
    // What is open: the outputs, the kernel's buffer, files in /proc, the sockets that list sockets.
    (libc::SYS_read, &[]),
    (libc::SYS_write, &[]),
    // Last words of the C library.
    (libc::SYS_writev, &[]),
    (libc::SYS_close, &[]),
    (libc::SYS_fstat, &[]),
    (libc::SYS_lseek, &[]),
    (libc::SYS_getdents64, &[]),
    (libc::SYS_fcntl, &[Is(1, libc::F_DUPFD_CLOEXEC)]),
    (libc::SYS_fcntl, &[Is(1, libc::F_GETFD)]),
    (libc::SYS_fcntl, &[Is(1, libc::F_GETFL)]),
    // What is looked up by name: to read only.
    (libc::SYS_openat, &[Lacks(2, libc::O_WRONLY | libc::O_RDWR | libc::O_CREAT | libc::O_TRUNC)]),
    (libc::SYS_statx, &[]),
    (libc::SYS_newfstatat, &[]),
    (libc::SYS_readlinkat, &[]),
    // The sockets of a network namespace.
    (libc::SYS_socket, &[Is(0, libc::AF_NETLINK), Is(2, SOCK_DIAG)]),
    (libc::SYS_connect, &[Is(2, NETLINK_ADDRESS)]),
    (libc::SYS_setsockopt, &[Is(1, libc::SOL_SOCKET), Is(2, libc::SO_RCVTIMEO)]),
    (libc::SYS_setsockopt, &[Is(1, libc::SOL_SOCKET), Is(2, libc::SO_RCVTIMEO_NEW)]),
    (libc::SYS_sendto, &[Is(5, NETLINK_ADDRESS)]),
    (libc::SYS_sendto, &[Is(5, 0)]),
    (libc::SYS_recvfrom, &[]),
    (libc::SYS_setns, &[Is(1, libc::CLONE_NEWNET)]),
    // The counters.
    (libc::SYS_bpf, &[Is(0, LOOKUP)]),
    (libc::SYS_bpf, &[Is(0, UPDATE)]),
    (libc::SYS_bpf, &[Is(0, INFO)]),
    // Memory, never as code.
    (libc::SYS_mmap, &[Lacks(2, libc::PROT_EXEC), Has(3, libc::MAP_ANONYMOUS | libc::MAP_PRIVATE)]),
    (libc::SYS_mprotect, &[Lacks(2, libc::PROT_EXEC)]),
    (libc::SYS_mremap, &[]),
    (libc::SYS_munmap, &[]),
    (libc::SYS_madvise, &[]),
    (libc::SYS_brk, &[]),
    // Waiting.
    (libc::SYS_epoll_ctl, &[]),
    (libc::SYS_epoll_pwait, &[]),
    (libc::SYS_futex, &[]),
    (libc::SYS_sched_yield, &[]),
    (libc::SYS_restart_syscall, &[]),
    // Threads of this process, in its own namespaces.
    (libc::SYS_clone, &[Has(0, libc::CLONE_THREAD | libc::CLONE_VM), Lacks(0, NEW_NAMESPACES)]),
    (libc::SYS_set_robust_list, &[]),
    (libc::SYS_rseq, &[]),
    (libc::SYS_prctl, &[Is(0, libc::PR_SET_NAME)]),
    (libc::SYS_sigaltstack, &[]),
    (libc::SYS_exit, &[]),
    (libc::SYS_exit_group, &[]),
    // Signals that it receives; it sends none.
    (libc::SYS_rt_sigaction, &[]),
    (libc::SYS_rt_sigprocmask, &[]),
    (libc::SYS_rt_sigreturn, &[]),
    // Nothing that could be misused.
    (libc::SYS_getrandom, &[]),
    (libc::SYS_uname, &[]),
    (libc::SYS_getpid, &[]),
    (libc::SYS_gettid, &[]),
    (libc::SYS_capget, &[]),
    (libc::SYS_clock_gettime, &[]),
    (libc::SYS_sched_getaffinity, &[]),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_epoll_wait, &[]),
];

/// Calls of a trace that writes to a file: it opens the file again when it was moved away, and cuts half a line off its end.
const WITH_FILE: &[Line] = &[
    (libc::SYS_openat, &[Has(2, APPENDING), Lacks(2, libc::O_RDWR | libc::O_TRUNC)]),
    (libc::SYS_ftruncate, &[]),
];

/// Flags with which an output is opened again (`output/file.rs`).
const APPENDING: i32 = libc::O_WRONLY | libc::O_CREAT | libc::O_APPEND | libc::O_NOFOLLOW | libc::O_NONBLOCK;

/// Calls of a trace of a command: it passes signals on, and waits for its end.
const WITH_COMMAND: &[Line] = &[
    // The kernel takes an open `/proc/PID` for a process too, so who is signalled cannot be checked.
    (libc::SYS_pidfd_send_signal, &[Is(1, libc::SIGTERM)]),
    (libc::SYS_pidfd_send_signal, &[Is(1, libc::SIGHUP)]),
    (libc::SYS_ppoll, &[]),
    (libc::SYS_waitid, &[Is(0, P_PIDFD)]),
];

/// `waitid` of a process by its descriptor.
const P_PIDFD: i32 = 3;

/// Lines of the list for such a trace.
fn lines(confinement: Confinement) -> impl Iterator<Item = &'static Line> {
    let Confinement { writes_file, has_command, .. } = confinement;
    let file = if writes_file { WITH_FILE } else { &[] };
    let command = if has_command { WITH_COMMAND } else { &[] };
    ALWAYS.iter().chain(file).chain(command)
}

/// Numbers of the calls that such a trace may make.
#[must_use]
pub fn calls(confinement: Confinement) -> BTreeSet<i64> {
    lines(confinement).map(|(number, _)| *number).chain([libc::SYS_tgkill]).collect()
}

/// The filters of a trace, to be installed in this order; a call must pass both.
///
/// The first refuses `clone3` with `ENOSYS`, for which the C library uses `clone` instead; it would take `EPERM` at its word.
pub(super) fn filters(confinement: Confinement) -> Result<[BpfProgram; 2]> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    for (call, checks) in lines(confinement) {
        let rules = rules.entry(*call).or_default();
        if !checks.is_empty() {
            rules.push(rule(checks)?);
        }
    }
    // A process that aborts signals itself.
    let own = std::process::id().cast_signed();
    rules.insert(libc::SYS_tgkill, vec![rule(&[Is(0, own), Is(2, libc::SIGABRT)])?]);
    rules.insert(libc::SYS_clone3, Vec::new());
    let refuse = |errno: i32| SeccompAction::Errno(errno.unsigned_abs());
    let clone3 = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    Ok([
        compile(clone3, SeccompAction::Allow, refuse(libc::ENOSYS))?,
        compile(rules, refuse(libc::EPERM), SeccompAction::Allow)?,
    ])
}

fn compile(
    rules: BTreeMap<i64, Vec<SeccompRule>>,
    other: SeccompAction,
    listed: SeccompAction,
) -> Result<BpfProgram> {
    let arch = std::env::consts::ARCH.try_into().context("filter system calls on this machine")?;
    SeccompFilter::new(rules, other, listed, arch)
        .and_then(TryInto::try_into)
        .context("make the filter of system calls")
}

/// A rule that fits if all of this holds.
fn rule(checks: &[Check]) -> Result<SeccompRule> {
    let bits = |bits: i32| u64::from(bits.cast_unsigned());
    let condition = |check: &Check| match *check {
        Is(argument, value) => SeccompCondition::new(argument, Dword, SeccompCmpOp::Eq, bits(value)),
        Has(argument, mask) => {
            SeccompCondition::new(argument, Dword, SeccompCmpOp::MaskedEq(bits(mask)), bits(mask))
        }
        Lacks(argument, mask) => {
            SeccompCondition::new(argument, Dword, SeccompCmpOp::MaskedEq(bits(mask)), 0)
        }
    };
    let conditions = checks.iter().map(condition).collect::<Result<_, _>>();
    conditions.and_then(SeccompRule::new).context("make a rule about a system call")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A call without a check would be restricted by another line of it, and the other way round.
    #[test]
    fn a_call_is_checked_in_all_of_its_lines_or_in_none() {
        let confinement = Confinement { user: None, writes_file: true, has_command: true };
        let mut free = BTreeMap::new();
        for (call, checks) in lines(confinement) {
            assert_eq!(*free.entry(call).or_insert(checks.is_empty()), checks.is_empty(), "{call}");
        }
        assert!(filters(confinement).is_ok());
    }
}
