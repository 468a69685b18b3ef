//! Facts about the task that is current. Whether it has anything to do with the socket is for user space to judge.

use aya_ebpf::helpers::{bpf_get_current_comm, bpf_get_current_pid_tgid, bpf_get_current_uid_gid};
use tcptrace_ebpf::{Flags, RawTransition};

use super::{
    globals::{TASK, global},
    mark::mark,
    memory::Memory,
};

/// `include/linux/sched.h`: macros, so BTF does not have them. Unchanged since 2.6.
const PF_EXITING: u32 = 0x4;
pub const PF_KTHREAD: u32 = 0x0020_0000;

/// Fills in the task's part of the record.
///
/// # Safety
/// `task` is the current `struct task_struct`, readable through `M`.
#[inline(always)]
pub unsafe fn fill<M: Memory>(task: *const u8, record: &mut RawTransition) {
    record.exit_code = 0;
    // Not as a whole: that becomes a call of memset.
    let [first, second, third] = &mut record.reserved;
    (*first, *second, *third) = (0, 0, 0);

    // SAFETY: the layout's offsets are for `task_struct`, `group_leader` points to another one, and `cred` to a `struct cred`.
    unsafe {
        // Loads, at half the price of the helpers.
        record.pid =
            M::read(task, global(&TASK.tgid)).unwrap_or_else(|| (bpf_get_current_pid_tgid() >> 32) as u32);
        record.tid = M::read(task, global(&TASK.pid)).unwrap_or_else(|| bpf_get_current_pid_tgid() as u32);
        record.uid = M::read::<*const u8>(task, global(&TASK.credentials))
            .and_then(|credentials| M::read(credentials, global(&TASK.user)))
            .unwrap_or_else(|| bpf_get_current_uid_gid() as u32);
        record.thread = name::<M>(task).unwrap_or_else(|| bpf_get_current_comm().unwrap_or([0; 16]));
        let leader: Option<*const u8> = M::read(task, global(&TASK.group_leader));
        let name = leader.and_then(|leader| name::<M>(leader));
        match (name, M::read::<u32>(task, global(&TASK.flags))) {
            (Some(name), Some(flags)) => {
                record.comm = name;
                mark(record, Flags::HAS_TASK);
                if flags & PF_KTHREAD != 0 {
                    mark(record, Flags::KERNEL_THREAD);
                }
                if flags & PF_EXITING != 0 {
                    mark(record, Flags::EXITING);
                    record.exit_code = M::read(task, global(&TASK.exit_code)).unwrap_or(0);
                }
            }
            _ => record.comm = record.thread,
        }
    }
}

/// Name (`comm`) of a task. Someone else may be changing it: then it is the old one in part, but never without an end, because its last
/// byte stays 0.
#[inline(always)]
unsafe fn name<M: Memory>(task: *const u8) -> Option<[u8; 16]> {
    // SAFETY: passed on; both words lie in the array.
    unsafe {
        let comm = global(&TASK.comm);
        let name = [M::read::<u64>(task, comm)?, M::read::<u64>(task.wrapping_add(8), comm)?];
        Some(core::mem::transmute::<[u64; 2], [u8; 16]>(name))
    }
}
