//! Every TCP state change on this host: who caused it, when and why.
//!
//! An eBPF program on `sock:inet_sock_set_state` reports each change through a ring buffer; this library makes typed
//! [records](record::Record) of them, with owners, causes and connections. The `tcptrace` binary is its first user.
//!
//! A trace of this host takes `CAP_BPF` and `CAP_PERFMON`:
//!
//! ```no_run
//! use std::ops::ControlFlow;
//! use tcptrace::{Trace, record::Record};
//!
//! let totals = Trace::builder().port(10050).attach()?.run(|record| {
//!     if let Record::Transition(step) = record {
//!         println!("{} {} -> {}", step.subject.tuple.local, step.from, step.to);
//!     }
//!     match record {
//!         Record::Lost(lost) => panic!("{} events lost", lost.count),
//!         _ => ControlFlow::Continue(()),
//!     }
//! })?;
//! println!("{} state changes", totals.seen);
//! # anyhow::Ok(())
//! ```
//!
//! A recording (`tcptrace -f json -o trace.jsonl`) takes no privileges. [`Trace::builder`] filters it the same way:
//!
//! ```
//! use std::ops::ControlFlow;
//! use tcptrace::{Trace, record::Record, tcp::TcpState};
//!
//! let recording = br#"
//! {"v":1,"type":"transition","time":"2026-11-22T10:00:00.000000000Z","mono_ns":1,"socket":"5","connection":"1","family":"ipv4","local":{"address":"10.0.0.1","port":40000},"remote":{"address":"10.0.0.2","port":80},"from":"ESTABLISHED","to":"CLOSE_WAIT"}
//! {"v":1,"type":"transition","time":"2026-11-22T10:00:01.000000000Z","mono_ns":2,"socket":"6","connection":"2","family":"ipv4","local":{"address":"10.0.0.1","port":40001},"remote":{"address":"10.0.0.2","port":443},"from":"ESTABLISHED","to":"FIN_WAIT1"}
//! "#;
//! let mut states = Vec::new();
//! let totals = Trace::builder().remote_port(80).replay([recording.as_slice()]).run(|record| {
//!     if let Record::Transition(step) = record {
//!         states.push(step.to);
//!     }
//!     ControlFlow::Continue(())
//! })?;
//! assert_eq!(states, [TcpState::CloseWait]);
//! assert_eq!((totals.shown, totals.filtered), (1, 1));
//! # anyhow::Ok(())
//! ```
//!
//! `examples/embed.rs` is a test that asserts that no socket was leaked. For connections rather than records, implement
//! [`Observer`](pipeline::Observer).
//!
//! What semver promises are the builder, the records and their vocabulary, and the observers. The JSON lines have a contract
//! of their own, `schema/records.schema.json`. Modules that are not listed here are for the binary and the tests alone.
//! Without the default feature `cli` there is no command line, and no dependency that only it needs.

pub use trace::{Builder, Replay, Trace};

pub mod address;
pub mod cgroup;
pub mod connection;
pub mod filter;
pub mod pipeline;
pub mod process;
pub mod record;
pub mod recording;
pub mod render;
pub mod stuck;
pub mod tcp;
pub mod time;

mod live;
mod named;
mod trace;

#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod app;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod confine;
#[doc(hidden)]
pub mod diagram;
#[doc(hidden)]
pub mod dumped;
pub mod escape;
#[doc(hidden)]
pub mod event;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
#[doc(hidden)]
pub mod ladder;
#[doc(hidden)]
pub mod memory;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod output;
#[doc(hidden)]
pub mod probe;
#[doc(hidden)]
pub mod replay;
#[doc(hidden)]
pub mod session;
#[doc(hidden)]
pub mod snapshot;
#[doc(hidden)]
pub mod tracker;
