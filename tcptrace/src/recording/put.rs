//! Values to JSON, straight into the bytes of a line.
//!
//! Half of what tracing costs a busy host is the writing of lines; a general serializer took three times as long.

use std::{
    fmt::Write as _,
    net::{IpAddr, Ipv4Addr},
};

use jiff::{Timestamp, tz::Offset};

use super::line::{End, Illegal, Quoted, Text, Time};
use crate::{process::is_invisible, record::SocketId};

/// What can be written as JSON.
pub(crate) trait Put {
    /// Appends itself.
    fn put(&self, out: &mut Vec<u8>);
}

/// Appends a field, behind a comma, if its value is known.
#[inline]
pub(super) fn field<T: Put>(out: &mut Vec<u8>, key: &'static str, value: Option<&T>) {
    if let Some(value) = value {
        out.extend_from_slice(key.as_bytes());
        value.put(out);
    }
}

/// Makes an object of the fields that were appended from `start` on.
pub(super) fn close(out: &mut Vec<u8>, start: usize) {
    match out.get_mut(start) {
        // The comma of the first one.
        Some(first) => *first = b'{',
        None => out.push(b'{'),
    }
    out.push(b'}');
}

macro_rules! numbers {
    ($($kind:ty),*) => {$(
        impl Put for $kind {
            #[inline]
            fn put(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(itoa::Buffer::new().format(*self).as_bytes());
            }
        }
    )*};
}
numbers!(u8, u16, u32, u64, usize, i32);

impl Put for bool {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(if *self { b"true" } else { b"false" });
    }
}

impl Put for Text<'_> {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(b'"');
        // What is written as it is: all that we say ourselves, and most names.
        if self.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\')) {
            out.extend_from_slice(self.as_bytes());
        } else {
            escape(out, self);
        }
        out.push(b'"');
    }
}

/// Escapes more than JSON must. A raw DEL, U+0085, U+2028 or U+202E is valid in it; but Python's `splitlines` ends a line
/// at some of them, and terminals obey others.
fn escape(out: &mut Vec<u8>, text: &str) {
    for c in text.chars() {
        let short = match c {
            '"' | '\\' => c,
            '\n' => 'n',
            '\r' => 'r',
            '\t' => 't',
            '\u{8}' => 'b',
            '\u{c}' => 'f',
            c if c.is_control() || is_invisible(c) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    out.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
                }
                continue;
            }
            c => {
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                continue;
            }
        };
        out.push(b'\\');
        out.extend_from_slice(short.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

impl Put for Quoted<u64> {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(b'"');
        self.0.put(out);
        out.push(b'"');
    }
}

impl Put for Quoted<SocketId> {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(b'"');
        match self.0 {
            SocketId::Cookie(cookie) => cookie.put(out),
            SocketId::Serial(serial) => {
                out.push(b'~');
                serial.put(out);
            }
        }
        out.push(b'"');
    }
}

impl Put for IpAddr {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(b'"');
        match self {
            Self::V4(address) => put_ipv4(*address, out),
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

fn put_ipv4(address: Ipv4Addr, out: &mut Vec<u8>) {
    for (i, octet) in address.octets().into_iter().enumerate() {
        if i > 0 {
            out.push(b'.');
        }
        octet.put(out);
    }
}

impl Put for Time {
    /// RFC 3339, UTC, always nine digits, so that it sorts as text.
    fn put(&self, out: &mut Vec<u8>) {
        out.push(b'"');
        if let Ok(time) = Timestamp::from_nanosecond(self.0.into()) {
            let at = Offset::UTC.to_datetime(time);
            // The years of 64 bits of nanoseconds, 1677 to 2262, have four digits.
            digits(out, at.year().unsigned_abs().into(), 4);
            for (before, value) in [
                (b'-', at.month()),
                (b'-', at.day()),
                (b'T', at.hour()),
                (b':', at.minute()),
                (b':', at.second()),
            ] {
                out.push(before);
                digits(out, value.unsigned_abs().into(), 2);
            }
            out.push(b'.');
            digits(out, at.subsec_nanosecond().unsigned_abs(), 9);
            out.push(b'Z');
        }
        out.push(b'"');
    }
}

/// A number with leading zeros.
fn digits(out: &mut Vec<u8>, mut value: u32, width: usize) {
    let start = out.len();
    out.resize(start + width, b'0');
    for place in out.iter_mut().skip(start).rev() {
        *place = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

impl Put for Illegal {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Step(is) => is.put(out),
            Self::Steps(count) => count.put(out),
        }
    }
}

impl Put for End {
    fn put(&self, out: &mut Vec<u8>) {
        let start = out.len();
        field(out, ",\"address\":", Some(&self.address));
        field(out, ",\"port\":", self.port.as_ref());
        close(out, start);
    }
}

impl<T: Put> Put for Vec<T> {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(b'[');
        for (i, value) in self.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            value.put(out);
        }
        out.push(b']');
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn put(value: &impl Put) -> String {
        let mut out = Vec::new();
        value.put(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_could_end_a_line_or_turn_a_text_is_escaped() {
        for (text, written) in [
            ("plain ~", r#""plain ~""#),
            ("q\" b\\ \n\r\t\u{8}\u{c}", r#""q\" b\\ \n\r\t\b\f""#),
            ("\u{1b}[31m\u{7f}\u{85}", r#""\u001b[31m\u007f\u0085""#),
            ("\u{202e}\u{2028}\u{e0001}", r#""\u202e\u2028\udb40\udc01""#),
            ("bärüß", "\"bärüß\""),
        ] {
            assert_eq!(put(&Text::from(text)), written);
        }
    }

    proptest! {
        #[test]
        fn another_reader_reads_the_same(text in any::<String>(), address: IpAddr, number: u64) {
            prop_assert_eq!(serde_json::from_str::<String>(&put(&Text::from(&text))).unwrap(), text);
            prop_assert_eq!(serde_json::from_str::<IpAddr>(&put(&address)).unwrap(), address);
            prop_assert_eq!(put(&number), number.to_string());
        }

        #[test]
        fn times_are_those_of_a_calendar(wall_ns: i64) {
            let time = Timestamp::from_nanosecond(wall_ns.into()).unwrap();
            prop_assert_eq!(put(&Time(wall_ns)), format!("\"{time:.9}\""));
        }
    }
}
