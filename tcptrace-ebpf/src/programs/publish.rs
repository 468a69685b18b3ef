//! Into the ring buffer: count, filter, reserve, fill, submit, and wake the reader once per batch.

use aya_ebpf::{
    EbpfContext,
    bindings::{BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP},
};
use aya_log_ebpf::warn;
use tcptrace_ebpf::{Counters, RawAccept, RawFork, RawNote, RawTransition};

use super::{
    globals::{COUNTERS, EVENTS, SLEEPING},
    verdict::{Subject, wanted},
};

/// Publishes one event if the filters want it. `fill` writes the whole record.
#[inline(always)]
pub fn publish<C: EbpfContext>(ctx: &C, subject: &Subject, fill: impl FnOnce(&mut RawTransition)) {
    let Some(counters) = COUNTERS.get_ptr_mut(0) else {
        return;
    };
    // SAFETY: entry 0 exists for every CPU, and no other program on this CPU runs meanwhile that counts here
    // (the kernel refuses to run a program inside itself).
    let counters: &mut Counters = unsafe { &mut *counters };
    counters.seen += 1;
    if !wanted(subject) {
        counters.filtered += 1;
        return;
    }
    let Some(mut record) = EVENTS.reserve::<RawTransition>(0) else {
        counters.lost += 1;
        // Once per CPU: the counter tells the rest.
        if counters.lost == 1 {
            warn!(ctx, "ring buffer full: state changes are being lost on this CPU");
        }
        return;
    };
    // SAFETY: `RawTransition` is plain bytes, and `fill` writes all of them before anyone reads.
    fill(unsafe { record.assume_init_mut() });
    record.submit(wakeup());
}

/// Publishes a note if the filters want it. `fill` writes the whole record.
#[inline(always)]
pub fn publish_note(subject: &Subject, fill: impl FnOnce(&mut RawNote)) {
    if wanted(subject) {
        submit_note(fill);
    }
}

/// Publishes what process made which. `fill` writes the whole record.
#[inline(always)]
pub fn publish_fork(fill: impl FnOnce(&mut RawFork)) {
    submit_note(fill);
}

/// Publishes who has accepted a connection if the filters want it. `fill` writes the whole record.
#[inline(always)]
pub fn publish_accept(subject: &Subject, fill: impl FnOnce(&mut RawAccept)) {
    if wanted(subject) {
        submit_note(fill);
    }
}

/// Each kind of record is plain bytes.
#[inline(always)]
fn submit_note<T: 'static>(fill: impl FnOnce(&mut T)) {
    let Some(mut record) = EVENTS.reserve::<T>(0) else {
        if let Some(counters) = COUNTERS.get_ptr_mut(0) {
            // SAFETY: entry 0 exists for every CPU. A softirq's program may count between load and store of another
            // program's: one of the two is lost then, of a number that is not 0 all the same.
            unsafe { (*counters).lost_notes += 1 };
        }
        return;
    };
    // SAFETY: the records are plain bytes, and `fill` writes all of them before anyone reads.
    fill(unsafe { record.assume_init_mut() });
    record.submit(wakeup());
}

/// A wake-up for every event would cost ten times the event. The reader says when it goes to sleep; the first event
/// that sees this wakes it, and all that follow are found when it drains.
#[inline(always)]
fn wakeup() -> u64 {
    let Some(sleeping) = SLEEPING.get_ptr_mut(0) else {
        return u64::from(BPF_RB_FORCE_WAKEUP);
    };
    // SAFETY: entry 0 of an array map; a race with another CPU costs one wake-up too many.
    unsafe {
        if sleeping.read_volatile() == 0 {
            return u64::from(BPF_RB_NO_WAKEUP);
        }
        sleeping.write_volatile(0);
    }
    u64::from(BPF_RB_FORCE_WAKEUP)
}
