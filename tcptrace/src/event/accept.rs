//! A connection that a process has accepted, typed.

use tcptrace_ebpf::RawAccept;
use zerocopy::FromBytes as _;

use super::DecodeError;
use crate::process::{Comm, Evidence, Owner};

/// A process has taken a connection from a listening socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accept {
    /// `CLOCK_MONOTONIC`, nanoseconds.
    pub mono_ns: u64,
    /// Address of the new socket.
    pub pointer: u64,
    /// Its cookie, if it has one.
    pub cookie: Option<u64>,
    /// Who.
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
