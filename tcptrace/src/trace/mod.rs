//! The library's face: a trace of this host, or of recordings, whose records go to a closure or an [`Observer`](crate::pipeline::Observer).

mod attached;
mod builder;
mod closure;
mod recorded;

pub use attached::Trace;
pub use builder::Builder;
pub use recorded::Replay;
