//! The processes of the host, as far as they let us look at them.

use procfs::{
    ProcError,
    process::{Process, StatFlags, all_processes},
};
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities};

/// All processes that exist now; each may be gone by the time it is looked at.
pub(super) fn all(warnings: &mut Vec<String>) -> impl Iterator<Item = Process> + use<> {
    let processes =
        all_processes().map_err(|error| warnings.push(format!("list the processes in /proc: {error}")));
    processes.into_iter().flatten().filter_map(Result::ok)
}

/// Whether this error hides something: the process is there and could own sockets.
pub(super) fn is_withheld(process: &Process, error: &ProcError) -> bool {
    // Kernel threads have no files of their own; to others than root they look like processes that refuse.
    !matches!(error, ProcError::NotFound(_))
        && process.stat().is_ok_and(|stat| stat.flags & StatFlags::PF_KTHREAD.bits() == 0)
}

/// Advice for a reader who is turned away; empty if the capability is there, because some hosts close a process to everybody.
pub(super) fn remedy() -> &'static str {
    let has = |sets: CapabilitySets| sets.effective.contains(CapabilitySet::SYS_PTRACE);
    if capabilities(None).is_ok_and(has) { "" } else { " (needs CAP_SYS_PTRACE)" }
}

/// `1 process`, `34 processes`.
pub(super) fn count(processes: u32) -> String {
    format!("{processes} {}", if processes == 1 { "process" } else { "processes" })
}

/// Every process and its parent; those that cannot be looked at are left out.
#[must_use]
pub fn parents() -> Vec<(u32, u32)> {
    let number = |pid: i32| pid.unsigned_abs();
    let with_parent = |process: Process| Some((number(process.pid()), number(process.stat().ok()?.ppid)));
    all(&mut Vec::new()).filter_map(with_parent).collect()
}
