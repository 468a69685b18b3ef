//! What the kernel side did with every event, counted where it happened.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// One per CPU, only ever incremented. For each of them `seen - filtered - lost` records are in the ring buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, IntoBytes, FromBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Counters {
    /// State changes of TCP sockets that the program looked at. Self transitions and other protocols do not count.
    pub seen: u64,
    /// Of these, turned away by the filter in the kernel.
    pub filtered: u64,
    /// Of these, lost because the ring buffer had no room.
    pub lost: u64,
    /// Notes (everything that is no state change) lost for the same reason.
    pub lost_notes: u64,
}
