//! Values for which JSON has no kind of its own, as they are written and as they are read: ids of 64 bits, times.

use jiff::{Timestamp, tz::Offset};
use serde::{Deserialize, de};

use super::write_json::WriteJson;
use crate::{record::SocketId, time::digits};

/// An id of up to 64 bits, in quotes, because many readers keep only 53 of a number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quoted<T>(pub(crate) T);

impl<T: WriteJson> WriteJson for Quoted<T> {
    fn write_json(&self, out: &mut Vec<u8>) {
        out.push(b'"');
        self.0.write_json(out);
        out.push(b'"');
    }
}

impl WriteJson for SocketId {
    fn write_json(&self, out: &mut Vec<u8>) {
        match self {
            Self::Cookie(cookie) => cookie.write_json(out),
            Self::Serial(serial) => {
                out.push(b'~');
                serial.write_json(out);
            }
        }
    }
}

impl<'de> Deserialize<'de> for Quoted<u64> {
    fn deserialize<D: de::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        parsed(input, number).map(Self)
    }
}

impl<'de> Deserialize<'de> for Quoted<SocketId> {
    fn deserialize<D: de::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let id = |text: &str| match text.strip_prefix('~') {
            Some(serial) => number(serial).map(SocketId::Serial),
            None => number(text).map(SocketId::Cookie),
        };
        parsed(input, id).map(Self)
    }
}

/// A wall-clock time, in nanoseconds since the Unix epoch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Time(pub(crate) i64);

impl WriteJson for Time {
    /// RFC 3339, UTC, always nine digits, so that it sorts as text.
    fn write_json(&self, out: &mut Vec<u8>) {
        let Ok(time) = Timestamp::from_nanosecond(self.0.into()) else {
            return out.extend_from_slice(b"\"\"");
        };
        let at = Offset::UTC.to_datetime(time);
        let mut text = *b"\"0000-00-00T00:00:00.000000000Z\"";
        // The years of 64 bits of nanoseconds, 1677 to 2262, have four digits.
        digits(&mut text[1..5], at.year().unsigned_abs().into());
        digits(&mut text[6..8], at.month().unsigned_abs().into());
        digits(&mut text[9..11], at.day().unsigned_abs().into());
        digits(&mut text[12..14], at.hour().unsigned_abs().into());
        digits(&mut text[15..17], at.minute().unsigned_abs().into());
        digits(&mut text[18..20], at.second().unsigned_abs().into());
        digits(&mut text[21..30], at.subsec_nanosecond().unsigned_abs());
        out.extend_from_slice(&text);
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: de::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let time: Timestamp = parsed(input, |text| text.parse().ok())?;
        time.as_nanosecond().try_into().map(Self).map_err(de::Error::custom)
    }
}

/// Field `illegal`: of a step, that it is one; of the end, the number of such steps.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Illegal {
    Step(bool),
    Steps(u64),
}

impl WriteJson for Illegal {
    fn write_json(&self, out: &mut Vec<u8>) {
        match self {
            Self::Step(is) => is.write_json(out),
            Self::Steps(count) => count.write_json(out),
        }
    }
}

/// A value that is written as text.
fn parsed<'de, D: de::Deserializer<'de>, T>(
    input: D,
    meaning: impl Fn(&str) -> Option<T>,
) -> Result<T, D::Error> {
    let text = String::deserialize(input)?;
    meaning(&text).ok_or_else(|| de::Error::invalid_value(de::Unexpected::Str(&text), &"an id or a time"))
}

/// Decimal digits, from 1.
fn number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number| *number != 0 && !text.starts_with('+'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn times_are_those_of_a_calendar(wall_ns: i64) {
            let time = Timestamp::from_nanosecond(wall_ns.into()).unwrap();
            let mut out = Vec::new();
            Time(wall_ns).write_json(&mut out);
            prop_assert_eq!(String::from_utf8(out).unwrap(), format!("\"{time:.9}\""));
        }
    }
}
