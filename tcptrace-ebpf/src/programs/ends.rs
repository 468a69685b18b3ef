//! The two ends of a socket, from the part that full sockets, minisockets and request sockets have in common.

use super::{
    filter::Subject,
    globals::{SOCK, global},
    memory::Memory,
    sock,
};

pub const AF_INET: u16 = 2;
pub const AF_INET6: u16 = 10;

/// An address in network order, IPv4 v4-mapped, as two words.
pub type Address = [u64; 2];

/// Both ends of a connection, as `struct sock_common` has them.
pub struct Ends {
    pub family: u16,
    pub subject: Subject,
    pub local: Address,
    pub remote: Address,
}

impl Ends {
    /// The ends of any kind of socket.
    ///
    /// # Safety
    /// `common` begins with a `struct sock_common`, readable through `M`.
    #[inline(always)]
    pub unsafe fn of<M: Memory>(common: *const u8) -> Option<Self> {
        // SAFETY: the offsets are for `struct sock_common`.
        unsafe {
            let family: u16 = M::read(common, global(&SOCK.family))?;
            let (local, remote) = match family {
                AF_INET => (
                    mapped(M::read(common, global(&SOCK.bound_v4))?),
                    mapped(M::read(common, global(&SOCK.remote_v4))?),
                ),
                AF_INET6 => {
                    (v6::<M>(common, global(&SOCK.local_v6))?, v6::<M>(common, global(&SOCK.remote_v6))?)
                }
                _ => return None,
            };
            let subject = Subject {
                ipv6: family == AF_INET6 && !is_mapped(&local, &remote),
                local_port: M::read(common, global(&SOCK.number))?,
                remote_port: u16::from_be(M::read(common, global(&SOCK.remote_port))?),
                netns: sock::netns::<M>(common),
                offered: None,
            };
            Some(Self { family, subject, local, remote })
        }
    }
}

/// An IPv6 address.
///
/// # Safety
/// As [`Memory::read`].
#[inline(always)]
pub unsafe fn v6<M: Memory>(base: *const u8, offset: u32) -> Option<Address> {
    // SAFETY: passed on.
    unsafe { Some([M::read(base, offset)?, M::read(base.wrapping_add(8), offset)?]) }
}

/// `::ffff:a.b.c.d` of an address in network order.
#[inline(always)]
pub fn mapped(v4: u32) -> Address {
    [0, u64::from(v4) << 32 | 0xffff_0000]
}

/// Whether an IPv6 socket carries IPv4: its remote address says so, or for a listener, its local one.
#[inline(always)]
pub fn is_mapped(local: &Address, remote: &Address) -> bool {
    let mapped = |address: &Address| address[0] == 0 && address[1] as u32 == 0xffff_0000;
    mapped(remote) || mapped(local)
}

/// The address as it stands in a record.
#[inline(always)]
pub fn bytes(address: Address) -> [u8; 16] {
    // SAFETY: both are sixteen bytes without meaning.
    unsafe { core::mem::transmute::<[u64; 2], [u8; 16]>(address) }
}
