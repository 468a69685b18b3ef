//! `tp_btf/inet_sock_set_state`: typed arguments, direct loads, the socket cookie. The one to use where BTF exists.

use aya_ebpf::{
    helpers::generated::{
        bpf_get_current_task_btf, bpf_get_socket_cookie, bpf_ktime_get_ns, bpf_skc_to_tcp_sock,
    },
    macros::btf_tracepoint,
    programs::BtfTracePointContext,
};
use tcptrace_ebpf::{Kind, RECORD_VERSION};

use super::{
    ends::{self, AF_INET, AF_INET6, Address, is_mapped, mapped, v6},
    globals::{INSIDE, SOCK, global},
    memory::{Direct, Memory as _},
    publish::{Turn, is_wanted, reserve, submit},
    sock, task,
    verdict::Subject,
};

const IPPROTO_TCP: u16 = 6;
/// `TCP_CLOSE`
const CLOSE: u8 = 7;

/// `trace_inet_sock_set_state(const struct sock *sk, const int oldstate, const int newstate)`
#[btf_tracepoint(function = "inet_sock_set_state")]
pub fn tcptrace_btf(ctx: BtfTracePointContext) -> i32 {
    set_inside(1);
    report(&ctx, Turn::Usual);
    set_inside(0);
    0
}

/// Looked up each time: a pointer kept over all of `report` is one more on a stack that is full of them.
#[inline(always)]
fn set_inside(value: u32) {
    if let Some(inside) = INSIDE.get_ptr_mut(0) {
        // SAFETY: entry 0 exists for every CPU, and one program alone writes it; volatile keeps the writes where they are.
        unsafe { inside.write_volatile(value) };
    }
}

/// The kernel does not run a program inside itself (`prog->active`, kernel/trace/bpf_trace.c): an event of a softirq that
/// interrupts the program above would be lost. This is another program, attached after it, for these events alone.
#[btf_tracepoint(function = "inet_sock_set_state")]
pub fn tcptrace_btf_inside(ctx: BtfTracePointContext) -> i32 {
    let Some(inside) = INSIDE.get_ptr_mut(0) else { return 0 };
    // SAFETY: as above. Not 0: the program above is at work on this CPU, so it has not run for this event.
    if unsafe { inside.read_volatile() } != 0 {
        report(&ctx, Turn::Inside);
    }
    0
}

#[inline(always)]
fn report(ctx: &BtfTracePointContext, turn: Turn) -> Option<()> {
    let counters = turn.counters()?;
    counters.runs += 1;
    let sk: *const u8 = ctx.arg(0);
    // Arguments narrower than 64 bits come with junk in the upper half.
    let old_state = ctx.arg::<i32>(1) as u8;
    let new_state = ctx.arg::<i32>(2) as u8;
    if old_state == new_state {
        // Not a change: close() after shutdown(). It counts nowhere.
        return None;
    }
    // SAFETY: the layout's offsets are for what these pointers point to: the tracepoint's first argument is a full
    // `struct sock`, and a TCP one begins a `struct tcp_sock`, which begins with an `inet_sock`.
    unsafe {
        if Direct::read::<u16>(sk, global(&SOCK.protocol))? != IPPROTO_TCP {
            // SCTP, DCCP, and the MPTCP socket above its subflows (262).
            return None;
        }
        let family: u16 = Direct::read(sk, global(&SOCK.family))?;
        if family != AF_INET && family != AF_INET6 {
            aya_log_ebpf::warn!(ctx, "TCP socket of address family {} left out", family);
            return None;
        }
        let local_port = match sock::local_port::<Direct>(sk, old_state, new_state) {
            Some(port) => port,
            None => u16::from_be(Direct::read(tcp_sock(sk), global(&SOCK.local_port))?),
        };
        let remote_port = u16::from_be(Direct::read(sk, global(&SOCK.remote_port))?);
        let ipv6 = family == AF_INET6
            && !is_mapped(
                &v6::<Direct>(sk, global(&SOCK.local_v6))?,
                &v6::<Direct>(sk, global(&SOCK.remote_v6))?,
            );
        let offered = if local_port == 0 { sock::offered::<Direct>(sk) } else { None };
        let netns = sock::netns::<Direct>(sk);
        let subject = Subject { ipv6, local_port, remote_port, netns, offered };
        if !is_wanted(counters, &subject) {
            return None;
        }
        // Not before: a helper costs as much as all that the filter looks at.
        let tcp = tcp_sock(sk);
        if tcp.is_null() {
            // A full socket of protocol 6 is a TCP socket.
            counters.lost += 1;
            return None;
        }
        let mut entry = reserve(ctx, counters)?;
        // Plain bytes, and all of them are written before anyone reads.
        let record = entry.assume_init_mut();
        record.version = RECORD_VERSION;
        record.kind = Kind::TRANSITION;
        record.old_state = old_state;
        record.new_state = new_state;
        record.flags = 0;
        record.time_ns = bpf_ktime_get_ns();
        record.socket = sk as u64;
        // The helper makes one where there is none yet.
        record.cookie = match Direct::read(sk, global(&SOCK.cookie)) {
            None | Some(0) => bpf_get_socket_cookie(sk.cast_mut().cast()),
            Some(cookie) => cookie,
        };
        record.netns = subject.netns;
        record.family = family;
        record.local_port = local_port;
        record.remote_port = remote_port;
        let (local, remote) = addresses(sk, tcp, family).unwrap_or_default();
        record.local_address = ends::bytes(local);
        record.remote_address = ends::bytes(remote);
        sock::fill::<Direct>(sk, record);
        sock::numbers::<Direct>(tcp, record);
        if new_state == CLOSE {
            sock::ending::<Direct>(tcp, record);
        }
        record.cgroup = sock::cgroup::<Direct>(sk);
        task::fill::<Direct>(bpf_get_current_task_btf().cast(), record);
        submit(entry);
    }
    Some(())
}

/// A typed pointer to the whole of it: `struct sock` ends before the fields of `inet_sock`. Null if it is no TCP socket.
#[inline(always)]
unsafe fn tcp_sock(sk: *const u8) -> *const u8 {
    // SAFETY: see `report`.
    unsafe { bpf_skc_to_tcp_sock(sk.cast_mut().cast()).cast::<u8>().cast_const() }
}

/// Local and remote address.
#[inline(always)]
unsafe fn addresses(sk: *const u8, tcp: *const u8, family: u16) -> Option<(Address, Address)> {
    // SAFETY: see `report`.
    unsafe {
        if family == AF_INET {
            // An IPv6 socket has junk in the IPv4 fields, so the family decides and not the content.
            let local: u32 = Direct::read(tcp, global(&SOCK.local_v4))?;
            let remote: u32 = Direct::read(sk, global(&SOCK.remote_v4))?;
            return Some((mapped(local), mapped(remote)));
        }
        Some((v6::<Direct>(sk, global(&SOCK.local_v6))?, v6::<Direct>(sk, global(&SOCK.remote_v6))?))
    }
}
