//! Notes: what happened to a socket besides its state changes.

use aya_ebpf::helpers::{bpf_get_current_pid_tgid, generated::bpf_ktime_get_ns};
use tcptrace_ebpf::{RECORD_VERSION, RawNote};

use super::{
    ends::{self, Ends},
    globals::{SOCK, global},
    memory::Memory,
    publish::publish_note,
};

/// What a note says besides whose it is.
pub struct Said {
    pub kind: u8,
    pub state: u8,
    pub detail: u8,
    pub reason: u32,
}

/// Publishes a note about `socket`.
///
/// # Safety
/// `common` begins with its `struct sock_common`, readable through `M`.
#[inline(always)]
pub unsafe fn note<M: Memory>(socket: *const u8, common: *const u8, said: Said) {
    // SAFETY: passed on.
    let Some(ends) = (unsafe { Ends::of::<M>(common) }) else { return };
    publish_note(&ends.subject, |record: &mut RawNote| {
        record.version = RECORD_VERSION;
        record.kind = said.kind;
        record.state = said.state;
        record.detail = said.detail;
        record.reason = said.reason;
        // SAFETY: a helper without arguments, and a field of `struct sock_common`.
        unsafe {
            record.time_ns = bpf_ktime_get_ns();
            record.cookie = M::read(common, global(&SOCK.cookie)).unwrap_or(0);
        }
        record.socket = socket as u64;
        record.netns = ends.subject.netns;
        record.family = ends.family;
        record.local_port = ends.subject.local_port;
        record.remote_port = ends.subject.remote_port;
        record.reserved = [0; 2];
        record.tid = bpf_get_current_pid_tgid() as u32;
        record.local_address = ends::bytes(ends.local);
        record.remote_address = ends::bytes(ends.remote);
    });
}
