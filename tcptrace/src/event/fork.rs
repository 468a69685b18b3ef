//! A new process, typed.

use tcptrace_ebpf::RawFork;
use zerocopy::FromBytes as _;

use super::DecodeError;

/// A process that was made by another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fork {
    /// `CLOCK_MONOTONIC`, nanoseconds.
    pub mono_ns: u64,
    /// The process that made it.
    pub parent: u32,
    /// The new process. Its id may have been another one's before.
    pub child: u32,
}

impl Fork {
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw = RawFork::read_from_bytes(bytes).map_err(|_| DecodeError::Size(bytes.len()))?;
        Ok(Self { mono_ns: raw.time_ns, parent: raw.parent, child: raw.child })
    }
}
