//! What the kernel side did with every event, counted where it happened.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Two per CPU, only ever incremented: one of the program that usually runs, one of the program that runs inside it. For each of them `seen - filtered - lost` records are in the ring buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, IntoBytes, FromBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Counters {
    /// Runs of the program. Of the second one these are runs that the kernel skipped of the first.
    pub runs: u64,
    /// State changes of TCP sockets that the program looked at. Self transitions and other protocols do not count.
    pub seen: u64,
    /// Of these, turned away by the filter in the kernel.
    pub filtered: u64,
    /// Of these, lost because the ring buffer had no room.
    pub lost: u64,
    /// Notes (everything that is no state change) lost for the same reason.
    pub lost_notes: u64,
}
