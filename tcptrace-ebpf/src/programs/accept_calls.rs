//! `syscalls:sys_exit_accept` and `accept4`: who takes a connection, where `fexit` is not allowed.
//!
//! With any tracepoint of a system call every system call of the host takes the slow path. So this is attached only where
//! it is asked for.

use aya_ebpf::{
    EbpfContext as _, helpers::generated::bpf_get_current_task, macros::tracepoint,
    programs::TracePointContext,
};

use super::{
    accept::accepted,
    globals::{ACCEPT, SOCK, global},
    memory::{Memory as _, Probed},
};

/// `syscalls:sys_exit_accept`, `syscalls:sys_exit_accept4`
#[tracepoint]
pub fn tcptrace_accept_calls(ctx: TracePointContext) -> u32 {
    report(&ctx);
    0
}

#[inline(always)]
fn report(ctx: &TracePointContext) -> Option<()> {
    // SAFETY: the offsets are those of the running kernel; the pointers are read by a helper that copies or fails.
    unsafe {
        let returned: i64 = Probed::read(ctx.as_ptr().cast(), global(&ACCEPT.returned))?;
        let descriptor = u32::try_from(returned).ok()?;
        let task = bpf_get_current_task() as *const u8;
        let files: *const u8 = Probed::read(task, global(&ACCEPT.files))?;
        let table: *const u8 = Probed::read(files, global(&ACCEPT.table))?;
        let descriptors: *const u8 = Probed::read(table, global(&ACCEPT.descriptors))?;
        let file: *const u8 = Probed::read(descriptors.wrapping_add(8 * descriptor as usize), 0)?;
        let socket: *const u8 = Probed::read(file, global(&ACCEPT.private))?;
        let sk: *const u8 = Probed::read(socket, global(&ACCEPT.sk))?;
        accepted::<Probed>(sk, task, || Probed::read(sk, global(&SOCK.cookie)).unwrap_or(0))
    }
}
