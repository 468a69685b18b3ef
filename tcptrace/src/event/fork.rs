//! The event of a new process.

use tcptrace_ebpf::RawFork;
use zerocopy::FromBytes as _;

use super::DecodeError;

/// Creation of a process by another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fork {
    /// Time: `CLOCK_MONOTONIC`, nanoseconds.
    pub mono_ns: u64,
    /// Id of the process that made it.
    pub parent: u32,
    /// Id of the new process, which may have been another one's before.
    pub child: u32,
}

impl Fork {
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw = RawFork::read_from_bytes(bytes).map_err(|_| DecodeError::Size(bytes.len()))?;
        Ok(Self { mono_ns: raw.time_ns, parent: raw.parent, child: raw.child })
    }
}
