//! Forks: the only way to know all descendants of a process, also of those that are gone by now.

use aya_ebpf::{
    helpers::generated::bpf_ktime_get_ns, macros::btf_tracepoint, programs::BtfTracePointContext,
};
use tcptrace_ebpf::{Kind, RECORD_VERSION};

use super::{
    globals::{TASK, global},
    memory::{Direct, Memory as _},
    publish::publish_fork,
};

/// `trace_sched_process_fork(struct task_struct *parent, struct task_struct *child)`, before the child runs
#[btf_tracepoint(function = "sched_process_fork")]
pub fn tcptrace_fork(ctx: BtfTracePointContext) -> i32 {
    report(&ctx);
    0
}

#[inline(always)]
fn report(ctx: &BtfTracePointContext) -> Option<()> {
    // SAFETY: both arguments are a `struct task_struct`.
    let (parent, child): (u32, u32) = unsafe {
        (
            Direct::read(ctx.arg::<*const u8>(0), global(&TASK.tgid))?,
            Direct::read(ctx.arg::<*const u8>(1), global(&TASK.tgid))?,
        )
    };
    if parent == child {
        // A thread.
        return None;
    }
    publish_fork(|record| {
        record.version = RECORD_VERSION;
        record.kind = Kind::FORK;
        record.reserved = [0; 6];
        // SAFETY: a helper without arguments.
        record.time_ns = unsafe { bpf_ktime_get_ns() };
        record.parent = parent;
        record.child = child;
    });
    Some(())
}
