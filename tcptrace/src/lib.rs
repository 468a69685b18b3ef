//! tcptrace: every TCP state change on this host, who caused it and why, as an exact timeline.
//!
//! The binary is a thin rim around this library. `ARCHITECTURE.md` has the map.

pub mod address;
#[cfg(feature = "cli")]
pub mod app;
pub mod cgroup;
#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "cli")]
pub mod confine;
pub mod connection;
pub mod diagram;
pub mod dumped;
pub mod event;
pub mod filter;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
pub mod ladder;
mod live;
pub mod memory;
mod named;
#[cfg(feature = "cli")]
pub mod output;
pub mod pipeline;
pub mod probe;
pub mod process;
pub mod record;
pub mod recording;
pub mod render;
pub mod replay;
pub mod session;
pub mod snapshot;
pub mod stuck;
pub mod tcp;
pub mod time;
pub mod tracker;
