//! `fexit/inet_csk_accept`: who takes a connection, before anything else happens to it.
//!
//! Every way to accept goes through it: `accept()`, `io_uring`, and MPTCP, where it returns the connection's first subflow,
//! the TCP socket that the state changes are about. It costs other system calls nothing, but not every kernel allows it.

use core::hint::black_box;

use aya_ebpf::{
    helpers::{
        bpf_get_current_pid_tgid, bpf_get_current_uid_gid,
        generated::{bpf_get_current_task_btf, bpf_get_socket_cookie, bpf_ktime_get_ns},
    },
    macros::fexit,
    programs::FExitContext,
};
use tcptrace_ebpf::{Kind, RECORD_VERSION, RawAccept};

use super::{
    ends::Ends,
    globals::{ACCEPT, SOCK, TASK, global},
    memory::{Direct, Memory},
    publish::publish_accept,
    task::PF_KTHREAD,
};

const IPPROTO_TCP: u16 = 6;

/// `inet_csk_accept(struct sock *sk, int flags, int *err, bool kern)`, from 6.10 on
/// `inet_csk_accept(struct sock *sk, struct proto_accept_arg *arg)`: the new socket, or null
#[fexit(function = "inet_csk_accept")]
pub fn tcptrace_accept(ctx: FExitContext) -> i32 {
    report(&ctx);
    0
}

#[inline(always)]
fn report(ctx: &FExitContext) -> Option<()> {
    // What the function returns stands behind its arguments. The verifier knows the number and follows one of the two. The
    // black box keeps them two: it refuses the one load, at a computed offset, that the compiler would make of them.
    let sk: *const u8 = match global(&ACCEPT.arguments) {
        2 => black_box(ctx.arg(2)),
        4 => ctx.arg(4),
        _ => return None,
    };
    // SAFETY: a `struct sock` or null, and the current task.
    unsafe {
        if sk.is_null() {
            return None;
        }
        accepted::<Direct>(sk, bpf_get_current_task_btf().cast(), || {
            bpf_get_socket_cookie(sk.cast_mut().cast())
        })
    }
}

/// Publishes that the current process has accepted `sk`.
///
/// # Safety
/// `sk` is a `struct sock`, `task` the current `struct task_struct`, both readable through `M`.
#[inline(always)]
pub unsafe fn accepted<M: Memory>(sk: *const u8, task: *const u8, cookie: impl Fn() -> u64) -> Option<()> {
    // SAFETY: the layouts' offsets are for what these pointers point to.
    unsafe {
        if M::read::<u16>(sk, global(&SOCK.protocol))? != IPPROTO_TCP {
            return None;
        }
        if M::read::<u32>(task, global(&TASK.flags))? & PF_KTHREAD != 0 {
            // The kernel's own servers (NFS, SMB) are no processes. The workers of io_uring are threads of theirs.
            return None;
        }
        let ends = Ends::of::<M>(sk)?;
        let leader: *const u8 = M::read(task, global(&TASK.group_leader))?;
        let comm: [u64; 2] =
            [M::read(leader, global(&TASK.comm))?, M::read(leader.wrapping_add(8), global(&TASK.comm))?];
        publish_accept(&ends.subject, |record: &mut RawAccept| {
            record.version = RECORD_VERSION;
            record.kind = Kind::ACCEPT;
            record.reserved = [0; 2];
            record.uid = bpf_get_current_uid_gid() as u32;
            record.time_ns = bpf_ktime_get_ns();
            record.socket = sk as u64;
            record.cookie = cookie();
            let pid_tgid = bpf_get_current_pid_tgid();
            record.pid = (pid_tgid >> 32) as u32;
            record.tid = pid_tgid as u32;
            record.comm = core::mem::transmute::<[u64; 2], [u8; 16]>(comm);
        });
    }
    Some(())
}
