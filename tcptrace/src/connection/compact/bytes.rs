//! Numbers in as many bytes as they need: seven bits in each, the lowest first.

use std::net::IpAddr;

use crate::{address::Endpoint, time::Moment};

/// What is written.
#[derive(Debug, Default)]
pub(super) struct Bytes(Vec<u8>);

impl Bytes {
    pub(super) fn put(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    /// A moment by the one before it: the clocks run at almost the same pace.
    pub(super) fn put_moment(&mut self, at: Moment, before: Moment) {
        self.put(at.mono_ns.wrapping_sub(before.mono_ns));
        let apart = offset(at).wrapping_sub(offset(before));
        // The sign goes into the lowest bit.
        self.put((apart << 1 ^ apart >> 63).cast_unsigned());
    }

    pub(super) fn put_end(&mut self, end: Endpoint) {
        match end.address {
            IpAddr::V4(address) => {
                self.0.push(4);
                self.0.extend(address.octets());
            }
            IpAddr::V6(address) => {
                self.0.push(6);
                self.0.extend(address.octets());
            }
        }
        self.0.extend(end.port.to_le_bytes());
    }
}

impl From<Bytes> for Box<[u8]> {
    /// Without room to spare.
    fn from(bytes: Bytes) -> Self {
        bytes.0.into()
    }
}

fn offset(at: Moment) -> i64 {
    at.wall_ns.wrapping_sub(at.mono_ns.cast_signed())
}

pub(super) fn take(bytes: &mut &[u8]) -> u64 {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let [byte] = take_bytes(bytes);
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    number
}

pub(super) fn take_moment(bytes: &mut &[u8], before: Moment) -> Moment {
    let mono_ns = before.mono_ns.wrapping_add(take(bytes));
    let apart = take(bytes);
    let apart = (apart >> 1).cast_signed() ^ -(apart & 1).cast_signed();
    let offset = offset(before).wrapping_add(apart);
    Moment { mono_ns, wall_ns: offset.wrapping_add(mono_ns.cast_signed()) }
}

pub(super) fn take_end(bytes: &mut &[u8]) -> Endpoint {
    let address = match take_bytes(bytes) {
        [4] => IpAddr::from(take_bytes::<4>(bytes)),
        _ => IpAddr::from(take_bytes::<16>(bytes)),
    };
    Endpoint { address, port: u16::from_le_bytes(take_bytes(bytes)) }
}

fn take_bytes<const N: usize>(bytes: &mut &[u8]) -> [u8; N] {
    // Zeros if there are none left, and that is never: what is read was written in the same order.
    bytes.split_off(..N).and_then(|taken| taken.try_into().ok()).unwrap_or([0; N])
}
