//! Processes as the owners of sockets.

mod comm;
mod owner;
mod owners;
mod signal;

pub use comm::Comm;
pub use owner::{Evidence, Owner, Thread};
pub(crate) use owners::Owners;
pub use signal::{signal_name, signal_number};
