//! Socket events: what happens to a socket besides its state changes.

use aya_ebpf::helpers::{bpf_get_current_pid_tgid, generated::bpf_ktime_get_ns};
use tcptrace_ebpf::{RECORD_VERSION, RawSocketEvent};

use super::{
    ends::{self, Ends},
    globals::{SOCK, global},
    memory::Memory,
    publish::publish_socket_event,
};

/// Fields of a socket event besides the socket it is about.
pub struct Details {
    pub kind: u8,
    pub state: u8,
    pub detail: u8,
    pub reason: u32,
}

/// Emits an event of `socket` if the filters want it.
///
/// # Safety
/// `common` begins with the socket's `struct sock_common`, readable through `M`.
#[inline(always)]
pub unsafe fn emit<M: Memory>(socket: *const u8, common: *const u8, details: Details) {
    // SAFETY: passed on.
    let Some(ends) = (unsafe { Ends::of::<M>(common) }) else { return };
    publish_socket_event(&ends.subject, |record: &mut RawSocketEvent| {
        record.version = RECORD_VERSION;
        record.kind = details.kind;
        record.state = details.state;
        record.detail = details.detail;
        record.reason = details.reason;
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
