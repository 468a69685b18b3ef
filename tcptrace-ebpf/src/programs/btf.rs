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
    filter::Subject,
    globals::{SOCK, TAKEN, global},
    memory::{Direct, Memory as _},
    publish::{Pass, count_and_filter, reserve, submit},
    sock, task,
};

const IPPROTO_TCP: u16 = 6;
/// `TCP_CLOSE`
const CLOSE: u8 = 7;

/// `trace_inet_sock_set_state(const struct sock *sk, const int oldstate, const int newstate)`
#[btf_tracepoint(function = "inet_sock_set_state")]
pub fn tcptrace_btf(ctx: BtfTracePointContext) -> i32 {
    if let Some([latest, before]) = taken() {
        write(before, read(latest));
        write(latest, ctx.arg(0));
    }
    report(&ctx, Pass::Outer);
    0
}

/// The nested pass: state changes that interrupt the program above.
///
/// The kernel does not run a program inside itself (`prog->active`, kernel/trace/bpf_trace.c): an event of a softirq that
/// interrupts the program above would be lost. This is another program, attached after it, for these events alone: those whose
/// sockets the one above has not taken when this one comes to them. A socket that somebody works on is locked, so its next
/// event comes when this one is over.
///
/// A softirq may come anywhere: amid the program above, between the two, and amid this one. So what is taken is two deep, and
/// goes when it is known. A flag that the one above is at work would not do: it is not set yet, or no more, while the kernel
/// begins or ends it, and a softirq that comes just then may bring a hundred events.
#[btf_tracepoint(function = "inet_sock_set_state")]
pub fn tcptrace_btf_nested(ctx: BtfTracePointContext) -> i32 {
    let Some([latest, before]) = taken() else { return 0 };
    let sk: u64 = ctx.arg(0);
    let (top, under) = (read(latest), read(before));
    if top == sk || under == sk {
        // Where it is not on top, or both, what is on top came amid this program, which was left out for it.
        write(before, 0);
        write(latest, if under == sk { 0 } else { under });
    } else {
        report(&ctx, Pass::Nested);
    }
    0
}

/// The sockets of [`TAKEN`], the latest first. Looked up each time: a pointer kept over all of `report` is one more on a stack that is full of them.
#[inline(always)]
fn taken() -> Option<[*mut u64; 2]> {
    let taken = TAKEN.get_ptr_mut(0)?.cast::<u64>();
    Some([taken, taken.wrapping_add(1)])
}

#[inline(always)]
fn read(word: *const u64) -> u64 {
    // SAFETY: a word of an entry that exists for every CPU; volatile keeps reads and writes where they are.
    unsafe { word.read_volatile() }
}

#[inline(always)]
fn write(word: *mut u64, value: u64) {
    // SAFETY: as above.
    unsafe { word.write_volatile(value) };
}

#[inline(always)]
fn report(ctx: &BtfTracePointContext, pass: Pass) -> Option<()> {
    let counters = pass.counters()?;
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
        if !count_and_filter(counters, &subject) {
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

/// Typed pointer to the whole TCP socket: `struct sock` ends before the fields of `inet_sock`. Null if it is no TCP socket.
#[inline(always)]
unsafe fn tcp_sock(sk: *const u8) -> *const u8 {
    // SAFETY: see `report`.
    unsafe { bpf_skc_to_tcp_sock(sk.cast_mut().cast()).cast::<u8>().cast_const() }
}

/// Local and remote address of a socket.
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
