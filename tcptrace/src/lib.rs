//! tcptrace: every TCP state change on this host, who caused it and why, as an exact timeline.
//!
//! The binary is a thin rim around this library. `ARCHITECTURE.md` has the map.

pub mod address;
pub mod snapshot;
pub mod tcp;
