//! Single segments that explain a state change: RSTs that are sent, and retransmissions.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};
use tcptrace_ebpf::Kind;

use super::{
    globals::{SOCK, global},
    memory::{Direct, Memory as _},
    socket_events::{Details, emit},
};

/// `trace_tcp_send_reset(const struct sock *sk, const struct sk_buff *skb, const enum sk_rst_reason reason)`, since 6.10
#[btf_tracepoint(function = "tcp_send_reset")]
pub fn tcptrace_reset_out_why(ctx: BtfTracePointContext) -> i32 {
    report(&ctx, Kind::RESET_SENT, ctx.arg::<u32>(2).wrapping_add(1));
    0
}

/// `trace_tcp_send_reset` before 6.10, which has no reason: the verifier refuses a program that asks for it.
#[btf_tracepoint(function = "tcp_send_reset")]
pub fn tcptrace_reset_out(ctx: BtfTracePointContext) -> i32 {
    report(&ctx, Kind::RESET_SENT, 0);
    0
}

/// `trace_tcp_retransmit_skb(const struct sock *sk, const struct sk_buff *skb, ...)`
#[btf_tracepoint(function = "tcp_retransmit_skb")]
pub fn tcptrace_retransmit(ctx: BtfTracePointContext) -> i32 {
    report(&ctx, Kind::RETRANSMIT, 0);
    0
}

/// `trace_tcp_retransmit_synack(const struct sock *sk, const struct request_sock *req)`
#[btf_tracepoint(function = "tcp_retransmit_synack")]
pub fn tcptrace_retransmit_synack(ctx: BtfTracePointContext) -> i32 {
    let request: *const u8 = ctx.arg(1);
    // SAFETY: a request socket begins with a `struct sock_common`.
    unsafe {
        emit::<Direct>(
            request,
            request,
            Details { kind: Kind::RETRANSMIT_SYNACK, state: 12, detail: 0, reason: 0 },
        );
    }
    0
}

#[inline(always)]
fn report(ctx: &BtfTracePointContext, kind: u8, reason: u32) -> Option<()> {
    // A RST may be sent on behalf of no socket: then this is null, and nobody's connection.
    let sk: *const u8 = ctx.arg(0);
    // SAFETY: whatever kind of socket it is, it begins with a `struct sock_common`, and no more is read.
    unsafe {
        let state = Direct::read(sk, global(&SOCK.state))?;
        emit::<Direct>(sk, sk, Details { kind, state, detail: 0, reason });
    }
    Some(())
}
