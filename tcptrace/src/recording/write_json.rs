//! Values to JSON, straight into the bytes of a line.
//!
//! Half of what tracing costs a busy host is the writing of lines; a general serializer took three times as long.

use std::{
    fmt::Write as _,
    marker::PhantomData,
    net::{IpAddr, Ipv4Addr},
};

/// Values that can be written as JSON.
pub(crate) trait WriteJson {
    /// Appends itself.
    fn write_json(&self, out: &mut Vec<u8>);

    /// Whether there is anything to write. A field whose value is not known is skipped.
    #[inline]
    fn is_present(&self) -> bool {
        true
    }
}

/// An object that is being written. It has a method for each field of an `Of`, to be called in their order.
pub(crate) struct Object<'o, Of> {
    out: &'o mut Vec<u8>,
    of: PhantomData<Of>,
}

impl<Of> Object<'_, Of> {
    /// Appends one with the fields that `fill` gives it.
    #[inline]
    pub(crate) fn write(out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_, Of>)) {
        let start = out.len();
        fill(&mut Object { out, of: PhantomData });
        match out.get_mut(start) {
            // The comma of the first one.
            Some(first) => *first = b'{',
            None => out.push(b'{'),
        }
        out.push(b'}');
    }

    /// Appends a field, behind a comma, if its value is known.
    #[inline]
    pub(super) fn field(&mut self, key: &'static str, value: &impl WriteJson) -> &mut Self {
        if value.is_present() {
            self.out.extend_from_slice(key.as_bytes());
            value.write_json(self.out);
        }
        self
    }
}

impl<T: WriteJson> WriteJson for Option<T> {
    #[inline]
    fn write_json(&self, out: &mut Vec<u8>) {
        if let Some(value) = self {
            value.write_json(out);
        }
    }

    #[inline]
    fn is_present(&self) -> bool {
        self.is_some()
    }
}

impl<T: WriteJson + ?Sized> WriteJson for &T {
    #[inline]
    fn write_json(&self, out: &mut Vec<u8>) {
        (**self).write_json(out);
    }
}

macro_rules! numbers {
    ($($kind:ty),*) => {$(
        impl WriteJson for $kind {
            #[inline]
            fn write_json(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(itoa::Buffer::new().format(*self).as_bytes());
            }
        }
    )*};
}
numbers!(u8, u16, u32, u64, usize, i32);

impl WriteJson for bool {
    fn write_json(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(if *self { b"true" } else { b"false" });
    }
}

impl WriteJson for IpAddr {
    fn write_json(&self, out: &mut Vec<u8>) {
        out.push(b'"');
        match self {
            Self::V4(address) => write_ipv4(*address, out),
            Self::V6(address) => {
                let mut text = String::new();
                // Cannot fail: it goes to memory.
                let _ = write!(text, "{address}");
                out.extend_from_slice(text.as_bytes());
            }
        }
        out.push(b'"');
    }
}

fn write_ipv4(address: Ipv4Addr, out: &mut Vec<u8>) {
    for (i, octet) in address.octets().into_iter().enumerate() {
        if i > 0 {
            out.push(b'.');
        }
        if octet >= 100 {
            out.push(b'0' + octet / 100);
        }
        if octet >= 10 {
            out.push(b'0' + octet / 10 % 10);
        }
        out.push(b'0' + octet % 10);
    }
}

impl<T: WriteJson> WriteJson for [T] {
    fn write_json(&self, out: &mut Vec<u8>) {
        out.push(b'[');
        for (i, value) in self.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            value.write_json(out);
        }
        out.push(b']');
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn json(value: &impl WriteJson) -> String {
        let mut out = Vec::new();
        value.write_json(&mut out);
        String::from_utf8(out).unwrap()
    }

    proptest! {
        #[test]
        fn another_reader_reads_the_same(text in any::<String>(), address: IpAddr, number: u64) {
            prop_assert_eq!(serde_json::from_str::<String>(&json(&text.as_str())).unwrap(), text);
            prop_assert_eq!(serde_json::from_str::<IpAddr>(&json(&address)).unwrap(), address);
            prop_assert_eq!(json(&number), number.to_string());
        }
    }
}
