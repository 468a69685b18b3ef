//! What user space sets before it loads the programs, and the maps it reads afterwards.

use aya_ebpf::{
    macros::map,
    maps::{Array, PerCpuArray, RingBuf},
};
use tcptrace_ebpf::{
    AcceptLayout, Counters, EventFormat, Handlers, KernelFilter, MinisocketLayout, PORT_WORDS, PortWord,
    SockLayout, TaskLayout,
};

#[unsafe(no_mangle)]
pub static SOCK: SockLayout = SockLayout::NONE;

#[unsafe(no_mangle)]
pub static TASK: TaskLayout = TaskLayout::NONE;

#[unsafe(no_mangle)]
pub static ACCEPT: AcceptLayout = AcceptLayout::NONE;

#[unsafe(no_mangle)]
pub static MINISOCKET: MinisocketLayout = MinisocketLayout::NONE;

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

/// Counters per CPU: those of the outer program, and those of the one that runs nested in it.
#[map]
pub static COUNTERS: PerCpuArray<Counters> = PerCpuArray::with_max_entries(2, 0);

/// Sockets whose events the outer program has taken on this CPU and the nested one has not seen yet: the latest, and the one before.
#[map]
pub static TAKEN: PerCpuArray<[u64; 2]> = PerCpuArray::with_max_entries(1, 0);

/// Whether the reader sleeps and wants to be woken (1).
#[map]
pub static SLEEPING: Array<u32> = Array::with_max_entries(1, 0);

/// The ports that [`FILTER`] asks for.
#[map]
pub static PORTS: Array<PortWord> = Array::with_max_entries(PORT_WORDS, 0);
