//! Into the ring buffer: count, filter, reserve, fill, submit, and wake the reader once per batch.

use aya_ebpf::{
    EbpfContext,
    bindings::{BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP},
    maps::ring_buf::RingBufEntry,
};
use aya_log_ebpf::warn;
use tcptrace_ebpf::{Counters, RawAccept, RawFork, RawSocketEvent, RawTransition};

use super::{
    filter::{Subject, is_wanted},
    globals::{COUNTERS, EVENTS, SLEEPING},
};

/// The program that runs: the usual one, or the one for what interrupts it.
#[derive(Clone, Copy)]
pub enum Pass {
    /// The program that usually runs.
    Outer,
    /// The program that runs while the outer one is interrupted.
    Nested,
}

impl Pass {
    /// Counters of the program on this CPU.
    #[inline(always)]
    pub fn counters(self) -> Option<&'static mut Counters> {
        // SAFETY: both entries exist for every CPU, and each is counted in by one program, which the kernel does not run
        // inside itself.
        COUNTERS.get_ptr_mut(self as u32).map(|counters| unsafe { &mut *counters })
    }
}

/// Counts an event; true if the filters want it.
#[inline(always)]
pub fn count_and_filter(counters: &mut Counters, subject: &Subject) -> bool {
    counters.seen += 1;
    let wanted = is_wanted(subject);
    if !wanted {
        counters.filtered += 1;
    }
    wanted
}

/// Reserves a record for one state change. The caller writes the whole record, and submits it.
///
/// Not with a closure for what is to be written: there are two programs, so the compiler would make it a function that both
/// call, and Linux 6.18 stumbles over that one's stack ("verifier bug: stack slot 11, total slots 11").
#[inline(always)]
pub fn reserve<C: EbpfContext>(ctx: &C, counters: &mut Counters) -> Option<RingBufEntry<RawTransition>> {
    let record = EVENTS.reserve::<RawTransition>(0);
    if record.is_none() {
        counters.lost += 1;
        // Once per CPU: the counter tells the rest.
        if counters.lost == 1 {
            warn!(ctx, "ring buffer full: state changes are being lost on this CPU");
        }
    }
    record
}

/// Publishes a socket event if the filters want it. `fill` writes the whole record.
#[inline(always)]
pub fn publish_socket_event(subject: &Subject, fill: impl FnOnce(&mut RawSocketEvent)) {
    if is_wanted(subject) {
        publish_uncounted(fill);
    }
}

/// Publishes a fork. `fill` writes the whole record.
#[inline(always)]
pub fn publish_fork(fill: impl FnOnce(&mut RawFork)) {
    publish_uncounted(fill);
}

/// Publishes an accepted connection if the filters want it. `fill` writes the whole record.
#[inline(always)]
pub fn publish_accept(subject: &Subject, fill: impl FnOnce(&mut RawAccept)) {
    if is_wanted(subject) {
        publish_uncounted(fill);
    }
}

/// Publishes a record that is counted only if it is lost. `fill` writes the whole record.
#[inline(always)]
fn publish_uncounted<T: 'static>(fill: impl FnOnce(&mut T)) {
    let Some(mut record) = EVENTS.reserve::<T>(0) else {
        if let Some(counters) = COUNTERS.get_ptr_mut(0) {
            // SAFETY: entry 0 exists for every CPU. A softirq's program may count between load and store of another
            // program's: one of the two is lost then, of a number that is not 0 all the same.
            unsafe { (*counters).lost_socket_events += 1 };
        }
        return;
    };
    // SAFETY: the records are plain bytes, and `fill` writes all of them before anyone reads.
    fill(unsafe { record.assume_init_mut() });
    submit(record);
}

/// Hands the record over, and wakes the reader if it sleeps.
///
/// A wake-up for every event would cost ten times the event. The reader says when it goes to sleep; the first event
/// that sees this wakes it, and all that follow are found when it drains. It looks into the buffer once more after it has
/// said so, and this looks at what it said once more after the record is in the buffer: one of the two sees the other.
#[inline(always)]
pub fn submit<T: 'static>(record: RingBufEntry<T>) {
    let Some(sleeping) = SLEEPING.get_ptr_mut(0) else {
        record.submit(u64::from(BPF_RB_FORCE_WAKEUP));
        return;
    };
    // SAFETY: entry 0 of an array map; a race with another CPU costs one wake-up too many.
    unsafe {
        if sleeping.read_volatile() != 0 {
            sleeping.write_volatile(0);
            record.submit(u64::from(BPF_RB_FORCE_WAKEUP));
            return;
        }
        // With a full barrier (`xchg` in bpf_ringbuf_commit, kernel/bpf/ringbuf.c), so that the read comes after it.
        record.submit(u64::from(BPF_RB_NO_WAKEUP));
        if sleeping.read_volatile() != 0
            && let Some(empty) = EVENTS.reserve::<u64>(0)
        {
            sleeping.write_volatile(0);
            empty.discard(u64::from(BPF_RB_FORCE_WAKEUP));
        }
    }
}
