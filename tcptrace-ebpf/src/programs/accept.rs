//! `syscalls:sys_exit_accept` and `accept4`: who takes a connection, before anything else happens to it.
//!
//! Where `fexit` is allowed `inet_csk_accept` would say the same for less: with any tracepoint of a system call every system
//! call of the host takes the slow path. So this is attached only where it is asked for.

use aya_ebpf::{
    EbpfContext as _,
    helpers::{
        bpf_get_current_pid_tgid, bpf_get_current_uid_gid,
        generated::{bpf_get_current_task, bpf_ktime_get_ns},
    },
    macros::tracepoint,
    programs::TracePointContext,
};
use tcptrace_ebpf::{Kind, RECORD_VERSION};

use super::{
    ends::Ends,
    globals::{ACCEPT, SOCK, TASK, global},
    memory::{Memory as _, Probed},
    publish::publish_accept,
};

const IPPROTO_TCP: u16 = 6;

#[tracepoint]
pub fn tcptrace_accept(ctx: TracePointContext) -> u32 {
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
        if Probed::read::<u16>(sk, global(&SOCK.protocol))? != IPPROTO_TCP {
            return None;
        }
        let ends = Ends::of::<Probed>(sk)?;
        let leader: *const u8 = Probed::read(task, global(&TASK.group_leader))?;
        let comm: [u8; 16] = Probed::read(leader, global(&TASK.comm))?;
        let cookie: u64 = Probed::read(sk, global(&SOCK.cookie)).unwrap_or(0);
        publish_accept(&ends.subject, |record| {
            record.version = RECORD_VERSION;
            record.kind = Kind::ACCEPT;
            record.reserved = [0; 2];
            record.uid = bpf_get_current_uid_gid() as u32;
            record.time_ns = bpf_ktime_get_ns();
            record.socket = sk as u64;
            record.cookie = cookie;
            let pid_tgid = bpf_get_current_pid_tgid();
            record.pid = (pid_tgid >> 32) as u32;
            record.tid = pid_tgid as u32;
            record.comm = comm;
        });
    }
    Some(())
}
