//! The settings of the filters that run in the kernel, so that unwanted events never cost a record.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Settings of the filters in the kernel. All zero lets everything through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, IntoBytes, FromBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct KernelFilter {
    /// The only IP version wanted, 4 or 6. 0: both.
    pub ip_version: u32,
    /// Inode number of the only network namespace wanted. 0: all.
    pub netns: u32,
    /// Whether the port map has ports that match on either side (not 0).
    pub either_port: u32,
    /// Whether the port map has local ports (not 0).
    pub local_port: u32,
    /// Whether the port map has remote ports (not 0).
    pub remote_port: u32,
    /// The lowest of the ports that match on the local side.
    pub lowest_local: u32,
    /// The highest of the ports that match on the local side.
    pub highest_local: u32,
}

/// Entries of the port map: 65,536 ports, 64 to an entry.
pub const PORT_WORDS: u32 = 1024;

/// Bits of 64 ports, one word for each of the three port filters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, IntoBytes, FromBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct PortWord {
    /// Ports that match on either side.
    pub either: u64,
    /// Ports that match on the local side.
    pub local: u64,
    /// Ports that match on the remote side.
    pub remote: u64,
}
