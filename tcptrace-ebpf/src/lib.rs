//! What the kernel side and user space agree on: the records, one table of offsets, one set of counters.
//!
//! Everything here is plain data of a fixed size. Booleans are bits in [`Flags`], because a `bool` or an enum that
//! came through a byte buffer would have invalid values.
#![no_std]

mod counters;
mod kernel_filter;
mod layout;
mod record;

pub use counters::Counters;
pub use kernel_filter::{KernelFilter, PORT_WORDS, PortWord};
pub use layout::{AcceptLayout, EventFormat, Handlers, MISSING, MinisocketLayout, SockLayout, TaskLayout};
pub use record::{Flags, Kind, RECORD_VERSION, RawAccept, RawFork, RawSocketEvent, RawTransition, TimerStep};
