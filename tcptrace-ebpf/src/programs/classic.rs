//! `sock/inet_sock_set_state`, the classic tracepoint: for kernels without BTF, and for comparison.
//!
//! The record's layout comes from the event's `format` file. It has no cookie and no lock owner; where the kernel has
//! BTF all the same, they are read through the socket's address.

use aya_ebpf::{
    EbpfContext as _,
    helpers::{bpf_get_current_task, generated::bpf_ktime_get_ns},
    macros::tracepoint,
    programs::TracePointContext,
};
use tcptrace_ebpf::{Kind, RECORD_VERSION};

use super::{
    ends::{self, AF_INET6, is_mapped},
    filter::Subject,
    globals::{FORMAT, SOCK, global},
    memory::{Memory as _, Probed},
    publish::{Pass, count_and_filter, reserve, submit},
    sock, task,
};

const IPPROTO_TCP: u16 = 6;
/// `TCP_CLOSE`
const CLOSE: u8 = 7;

/// `sock:inet_sock_set_state`
#[tracepoint(category = "sock", name = "inet_sock_set_state")]
pub fn tcptrace_classic(ctx: TracePointContext) -> u32 {
    report(&ctx);
    0
}

#[inline(always)]
fn report(ctx: &TracePointContext) -> Option<()> {
    let counters = Pass::Outer.counters()?;
    counters.runs += 1;
    let event = ctx.as_ptr().cast::<u8>().cast_const();
    // SAFETY: the offsets are those of this event's own format; `skaddr` is the socket, alive while the event runs.
    unsafe {
        let old_state = Probed::read::<u32>(event, global(&FORMAT.oldstate))? as u8;
        let new_state = Probed::read::<u32>(event, global(&FORMAT.newstate))? as u8;
        if old_state == new_state {
            return None;
        }
        let protocol = match global(&FORMAT.protocol_size) {
            1 => u16::from(Probed::read::<u8>(event, global(&FORMAT.protocol))?),
            _ => Probed::read(event, global(&FORMAT.protocol))?,
        };
        if protocol != IPPROTO_TCP {
            return None;
        }
        let sk: *const u8 = Probed::read(event, global(&FORMAT.skaddr))?;
        let family: u16 = Probed::read(event, global(&FORMAT.family))?;
        // The tracepoint stores the ports in host order.
        let local_port = match sock::local_port::<Probed>(sk, old_state, new_state) {
            Some(port) => port,
            None => Probed::read(event, global(&FORMAT.sport))?,
        };
        let remote_port: u16 = Probed::read(event, global(&FORMAT.dport))?;
        let local: [u64; 2] = Probed::read(event, global(&FORMAT.saddr_v6))?;
        let remote: [u64; 2] = Probed::read(event, global(&FORMAT.daddr_v6))?;
        let subject = Subject {
            ipv6: family == AF_INET6 && !is_mapped(&local, &remote),
            local_port,
            remote_port,
            netns: sock::netns::<Probed>(sk),
            offered: if local_port == 0 { sock::offered::<Probed>(sk) } else { None },
        };
        if !count_and_filter(counters, &subject) {
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
        // The helper is refused here. The field is 0 until somebody asked for the cookie.
        record.cookie = Probed::read(sk, global(&SOCK.cookie)).unwrap_or(0);
        record.netns = subject.netns;
        record.family = family;
        record.local_port = local_port;
        record.remote_port = remote_port;
        record.local_address = ends::bytes(local);
        record.remote_address = ends::bytes(remote);
        sock::fill::<Probed>(sk, record);
        sock::numbers::<Probed>(sk, record);
        if new_state == CLOSE {
            sock::ending::<Probed>(sk, record);
        }
        record.cgroup = sock::cgroup::<Probed>(sk);
        task::fill::<Probed>(bpf_get_current_task() as *const u8, record);
        submit(entry);
    }
    Some(())
}
