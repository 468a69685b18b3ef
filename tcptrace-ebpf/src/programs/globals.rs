//! What user space sets before it loads the programs, and the maps it reads afterwards.

use aya_ebpf::{
    macros::map,
    maps::{Array, PerCpuArray, RingBuf},
};
use tcptrace_ebpf::{
    AcceptLayout, Counters, EventFormat, Handlers, KernelFilter, PORT_WORDS, PortWord, SockLayout,
    StandInLayout, TaskLayout,
};

#[unsafe(no_mangle)]
pub static SOCK: SockLayout = SockLayout::NONE;

#[unsafe(no_mangle)]
pub static TASK: TaskLayout = TaskLayout::NONE;

#[unsafe(no_mangle)]
pub static ACCEPT: AcceptLayout = AcceptLayout::NONE;

#[unsafe(no_mangle)]
pub static STAND_IN: StandInLayout = StandInLayout::NONE;

#[unsafe(no_mangle)]
pub static HANDLERS: Handlers = Handlers { timewait: 0, request: 0 };

#[unsafe(no_mangle)]
pub static FORMAT: EventFormat = EventFormat::NONE;

#[unsafe(no_mangle)]
pub static FILTER: KernelFilter = KernelFilter {
    ip_version: 0,
    netns: 0,
    either_port: 0,
    local_port: 0,
    remote_port: 0,
    lowest_local: 0,
    highest_local: 0,
};

/// Reads one field of one of the statics above.
///
/// Volatile, because the compiler would otherwise fold in the initial value that the loader replaces; field by field,
/// because the verifier knows the value of a load from read-only data but not of a copy of it on the stack.
#[inline(always)]
pub fn global<T: Copy>(field: &'static T) -> T {
    // SAFETY: a reference is aligned and points to an initialised value.
    unsafe { core::ptr::read_volatile(field) }
}

/// The records. User space sets the size when it loads.
#[map]
pub static EVENTS: RingBuf = RingBuf::with_byte_size(4 << 20, 0);

/// What happened to every event, per CPU: of the usual program, and of the one that runs inside it.
#[map]
pub static COUNTERS: PerCpuArray<Counters> = PerCpuArray::with_max_entries(2, 0);

/// Whose events the usual program has taken on this CPU, until the other one knows: the latest socket, and the one before it.
#[map]
pub static TAKEN: PerCpuArray<[u64; 2]> = PerCpuArray::with_max_entries(1, 0);

/// 1 while the reader sleeps and wants to be woken.
#[map]
pub static SLEEPING: Array<u32> = Array::with_max_entries(1, 0);

/// The ports that [`FILTER`] asks for.
#[map]
pub static PORTS: Array<PortWord> = Array::with_max_entries(PORT_WORDS, 0);
