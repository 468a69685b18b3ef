//! What the kernel side did with every event, counted where it happened.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Counters of one program on one CPU, only ever incremented: `seen - filtered - lost` records are in the ring buffer.
///
/// There are two on each CPU: one of the program that usually runs, one of the program that runs nested in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, IntoBytes, FromBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Counters {
    /// Runs of the program. Those of the nested one are runs of the outer one that the kernel skipped.
    pub runs: u64,
    /// State changes of TCP sockets that the program looked at. Self transitions and other protocols do not count.
    pub seen: u64,
    /// State changes turned away by the filter in the kernel.
    pub filtered: u64,
    /// State changes lost because the ring buffer had no room.
    pub lost: u64,
    /// Everything else that was lost for the same reason: socket events, forks and accepts.
    pub lost_socket_events: u64,
}
