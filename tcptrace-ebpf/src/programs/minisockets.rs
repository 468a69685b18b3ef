//! Minisockets by their timers: the sockets that change their state without an event.
//!
//! For a connection that is not there yet the kernel keeps a request socket, for one that is over a time-wait
//! minisocket. Neither fires `inet_sock_set_state`, but each lives exactly as long as its timer, and timers have
//! tracepoints. Those of every other timer in the kernel are out at the first comparison.

use core::mem::MaybeUninit;

use aya_ebpf::{
    macros::{btf_tracepoint, fentry},
    programs::{BtfTracePointContext, FEntryContext},
};
use tcptrace_ebpf::{Kind, TimerStep};

use super::{
    globals::{HANDLERS, MINISOCKET, global},
    memory::{Copied, Direct, Memory as _},
    socket_events::{Details, emit},
};

/// `TCP_NEW_SYN_RECV` (`include/net/tcp_states.h`).
const NEW_SYN_RECV: u8 = 12;
/// `TCP_TIME_WAIT`
const TIME_WAIT: u8 = 6;

/// `trace_timer_start(struct timer_list *timer, ...)`
#[btf_tracepoint(function = "timer_start")]
pub fn tcptrace_timer_start(ctx: BtfTracePointContext) -> i32 {
    report(&ctx, TimerStep::STARTED);
    0
}

/// `trace_timer_cancel(struct timer_list *timer)`
#[btf_tracepoint(function = "timer_cancel")]
pub fn tcptrace_timer_cancel(ctx: BtfTracePointContext) -> i32 {
    report(&ctx, TimerStep::STOPPED);
    0
}

/// `trace_timer_expire_entry(struct timer_list *timer, ...)`
#[btf_tracepoint(function = "timer_expire_entry")]
pub fn tcptrace_timer_expire(ctx: BtfTracePointContext) -> i32 {
    report(&ctx, TimerStep::EXPIRED);
    0
}

/// `__inet_twsk_schedule(struct inet_timewait_sock *tw, int timeo, bool rearm)`: with `rearm` the peer's FIN has come, or come
/// again. `mod_timer` has no event for it if the new end falls into the old one's slot.
#[fentry(function = "__inet_twsk_schedule")]
pub fn tcptrace_prolonged(ctx: FEntryContext) -> i32 {
    prolonged(&ctx);
    0
}

#[inline(always)]
fn prolonged(ctx: &FEntryContext) -> Option<()> {
    // An argument of 8 bits comes with junk above them.
    if ctx.arg::<u64>(2) as u8 == 0 {
        return None;
    }
    let minisocket: *const u8 = ctx.arg(0);
    // SAFETY: an `inet_timewait_sock`, read by a helper that copies or fails.
    unsafe {
        let mut copy = MaybeUninit::uninit();
        let common = Copied::copy(minisocket, &mut copy)?;
        let state: u8 = Copied::read(common, global(&MINISOCKET.timewait_state))?;
        if state == TIME_WAIT {
            let detail = TimerStep::PROLONGED;
            emit::<Copied>(minisocket, common, Details { kind: Kind::TIMEWAIT, state, detail, reason: 0 });
        }
    }
    Some(())
}

#[inline(always)]
fn report(ctx: &BtfTracePointContext, detail: u8) -> Option<()> {
    let timer: *const u8 = ctx.arg(0);
    // SAFETY: the argument is a `struct timer_list`; the handler tells what it is a part of, and the offset leads from
    // there to the start. That is beyond what the verifier knows of the pointer, so the rest is read by the helper.
    unsafe {
        let handler: u64 = Direct::read(timer, global(&MINISOCKET.timer_function))?;
        if handler == 0 {
            return None;
        }
        let (kind, offset) = if handler == global(&HANDLERS.timewait) {
            (Kind::TIMEWAIT, global(&MINISOCKET.timewait_timer))
        } else if handler == global(&HANDLERS.request) {
            (Kind::REQUEST, global(&MINISOCKET.request_timer))
        } else {
            return None;
        };
        let minisocket = timer.wrapping_sub(offset as usize);
        let mut copy = MaybeUninit::uninit();
        let common = Copied::copy(minisocket, &mut copy)?;
        let state = match kind {
            Kind::TIMEWAIT => Copied::read(common, global(&MINISOCKET.timewait_state))?,
            _ => NEW_SYN_RECV,
        };
        emit::<Copied>(minisocket, common, Details { kind, state, detail, reason: 0 });
    }
    Some(())
}
