//! The event of a connection that a process has accepted.

use tcptrace_ebpf::RawAccept;
use zerocopy::FromBytes as _;

use super::DecodeError;
use crate::process::{Comm, Evidence, Owner};

/// Acceptance of a connection from a listening socket by a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accept {
    /// Time: `CLOCK_MONOTONIC`, nanoseconds.
    pub mono_ns: u64,
    /// Address of the new socket in the kernel's memory.
    pub pointer: u64,
    /// Cookie of the new socket, if it has one.
    pub cookie: Option<u64>,
    /// Process that has accepted it.
    pub owner: Owner,
}

impl Accept {
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw = RawAccept::read_from_bytes(bytes).map_err(|_| DecodeError::Size(bytes.len()))?;
        Ok(Self {
            mono_ns: raw.time_ns,
            pointer: raw.socket,
            cookie: (raw.cookie != 0).then_some(raw.cookie),
            owner: Owner::new(raw.pid, Comm::new(raw.comm), raw.uid, Evidence::Accept),
        })
    }
}
