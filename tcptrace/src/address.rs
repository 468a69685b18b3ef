//! Addresses of a socket: two ends, in one network namespace.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
};

/// Address and port of one end. A port of 0 is one that the socket does not have (yet).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Endpoint {
    /// Address: IPv4 if the socket carries IPv4, also when it is an IPv6 socket with a v4-mapped address.
    pub address: IpAddr,
    /// Port in host order.
    pub port: u16,
}

impl Endpoint {
    /// Endpoint from the 16 bytes that kernel records carry: v4-mapped means IPv4.
    #[must_use]
    pub fn from_bytes(address: [u8; 16], port: u16) -> Self {
        Self { address: Ipv6Addr::from(address).to_canonical(), port }
    }

    /// Whether there is somebody at this end: the remote end of a listening socket has neither address nor port.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.port != 0
    }
}

impl Endpoint {
    /// Appends the endpoint as it is shown.
    ///
    /// # Errors
    /// Only those of `out`.
    pub fn write(&self, out: &mut impl fmt::Write) -> fmt::Result {
        match self.address {
            address if address.is_unspecified() && self.port == 0 => out.write_str("*")?,
            IpAddr::V4(address) => {
                for (octet, before) in address.octets().into_iter().zip(["", ".", ".", "."]) {
                    out.write_str(before)?;
                    out.write_str(itoa::Buffer::new().format(octet))?;
                }
            }
            IpAddr::V6(address) => write!(out, "[{address}]")?,
        }
        match self.port {
            0 => out.write_str(":*"),
            port => {
                out.write_str(":")?;
                out.write_str(itoa::Buffer::new().format(port))
            }
        }
    }
}

impl fmt::Display for Endpoint {
    /// `127.0.0.1:80`, `[::1]:80`, `127.0.0.1:*` for a port that is not there yet, `*:*` for nobody.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f)
    }
}

/// Inode number of a network namespace, as in `/proc/PID/ns/net`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Netns(pub u32);

/// The two ends as one socket sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tuple {
    /// Own end of the socket.
    pub local: Endpoint,
    /// Other end.
    pub remote: Endpoint,
}

impl Tuple {
    /// Tuple of a socket that nothing is known of.
    pub(crate) const NOBODY: Self = {
        let nobody = Endpoint { address: IpAddr::V6(Ipv6Addr::UNSPECIFIED), port: 0 };
        Self { local: nobody, remote: nobody }
    };

    /// Tuple of the peer's socket.
    #[must_use]
    pub fn reversed(self) -> Self {
        Self { local: self.remote, remote: self.local }
    }

    /// Whether both ends are known.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.local.is_set() && self.remote.is_set()
    }

    /// Whether the connection is IPv6 on the wire.
    #[must_use]
    pub fn is_ipv6(&self) -> bool {
        // A dual-stack listener has `::` on both sides; a v4-mapped peer makes the local address IPv4 too.
        self.local.address.is_ipv6() && self.remote.address.is_ipv6()
    }
}
