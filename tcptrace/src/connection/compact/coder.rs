//! Writing and reading as one: a value goes through a coder, which writes it, or reads one in its place. So the fields of a
//! type are listed once, and the two directions cannot drift apart.
//!
//! Numbers take as many bytes as they need: seven bits in each, the lowest first.

use std::net::IpAddr;

use crate::{
    address::{Endpoint, Tuple},
    record::Numbers,
    tcp::TcpState,
    time::Moment,
};

/// One of the two directions.
pub(super) trait Coder {
    /// Passes bytes.
    fn bytes(&mut self, bytes: &mut [u8]);

    /// Passes a number.
    fn number(&mut self, number: u64) -> u64;
}

/// Bytes that are written.
#[derive(Debug, Default)]
pub(super) struct Writer(Vec<u8>);

/// Bytes that are read.
#[derive(Debug)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Writer> for Box<[u8]> {
    /// Without room to spare.
    fn from(writer: Writer) -> Self {
        writer.0.into()
    }
}

impl Coder for Writer {
    fn bytes(&mut self, bytes: &mut [u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn number(&mut self, number: u64) -> u64 {
        let mut left = number;
        while left >= 0x80 {
            self.0.push(left as u8 | 0x80);
            left >>= 7;
        }
        self.0.push(left as u8);
        number
    }
}

impl Coder for Reader<'_> {
    fn bytes(&mut self, bytes: &mut [u8]) {
        // Never short: what is read was written in the same order.
        if let Some(taken) = self.0.split_off(..bytes.len()) {
            bytes.copy_from_slice(taken);
        }
    }

    fn number(&mut self, _: u64) -> u64 {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let mut byte = [0];
            self.bytes(&mut byte);
            number |= u64::from(byte[0] & 0x7f) << shift;
            if byte[0] < 0x80 {
                break;
            }
        }
        number
    }
}

/// A value that can go through a coder: what comes out is the value, or the one that was read.
pub(super) trait Coded: Sized {
    fn coded(self, coder: &mut impl Coder) -> Self;
}

macro_rules! numbers {
    ($($kind:ty)*) => {
        $(impl Coded for $kind {
            fn coded(self, coder: &mut impl Coder) -> Self {
                coder.number(self as u64) as Self
            }
        })*
    };
}

numbers!(u8 u16 u32 u64 usize);

impl Coded for bool {
    fn coded(self, coder: &mut impl Coder) -> Self {
        coder.number(self.into()) != 0
    }
}

impl Coded for Option<u32> {
    fn coded(self, coder: &mut impl Coder) -> Self {
        coder
            .number(self.map_or(0, |number| u64::from(number) + 1))
            .checked_sub(1)
            .map(|number| number as u32)
    }
}

/// Several answers in one number.
impl<const N: usize> Coded for [bool; N] {
    fn coded(self, coder: &mut impl Coder) -> Self {
        let bits = (0..).zip(self).fold(0, |bits, (place, is)| bits | u64::from(is) << place);
        let bits = coder.number(bits);
        std::array::from_fn(|place| bits >> place & 1 != 0)
    }
}

impl Coded for String {
    fn coded(self, coder: &mut impl Coder) -> Self {
        let mut bytes = self.into_bytes();
        bytes.resize(bytes.len().coded(coder), 0);
        coder.bytes(&mut bytes);
        Self::from_utf8(bytes).unwrap_or_default()
    }
}

impl Coded for TcpState {
    fn coded(self, coder: &mut impl Coder) -> Self {
        // Nobody but us has written it.
        Self::try_from((self as u8).coded(coder)).unwrap_or(self)
    }
}

impl Coded for Endpoint {
    fn coded(self, coder: &mut impl Coder) -> Self {
        let address = match (self.address.is_ipv6().coded(coder), self.address) {
            (true, IpAddr::V6(address)) => octets(coder, address.octets()).into(),
            (true, IpAddr::V4(_)) => octets(coder, [0; 16]).into(),
            (false, IpAddr::V4(address)) => octets(coder, address.octets()).into(),
            (false, IpAddr::V6(_)) => octets(coder, [0; 4]).into(),
        };
        Self { address, port: u16::from_le_bytes(octets(coder, self.port.to_le_bytes())) }
    }
}

fn octets<const N: usize>(coder: &mut impl Coder, mut octets: [u8; N]) -> [u8; N] {
    coder.bytes(&mut octets);
    octets
}

impl Coded for Tuple {
    fn coded(self, coder: &mut impl Coder) -> Self {
        Self { local: self.local.coded(coder), remote: self.remote.coded(coder) }
    }
}

impl Coded for Numbers {
    fn coded(self, coder: &mut impl Coder) -> Self {
        Self {
            srtt_us: self.srtt_us.coded(coder),
            retransmits: self.retransmits.coded(coder),
            bytes_sent: self.bytes_sent.coded(coder),
            bytes_acked: self.bytes_acked.coded(coder),
            bytes_received: self.bytes_received.coded(coder),
        }
    }
}

/// Passes a moment by the one before it: the clocks run at almost the same pace.
pub(super) fn moment(coder: &mut impl Coder, at: Moment, before: Moment) -> Moment {
    let mono_ns = before.mono_ns.wrapping_add(at.mono_ns.wrapping_sub(before.mono_ns).coded(coder));
    let drift = offset(at).wrapping_sub(offset(before));
    // The sign goes into the lowest bit.
    let drift = (drift << 1 ^ drift >> 63).cast_unsigned().coded(coder);
    let drift = (drift >> 1).cast_signed() ^ -(drift & 1).cast_signed();
    let offset = offset(before).wrapping_add(drift);
    Moment { mono_ns, wall_ns: offset.wrapping_add(mono_ns.cast_signed()) }
}

fn offset(at: Moment) -> i64 {
    at.wall_ns.wrapping_sub(at.mono_ns.cast_signed())
}
