//! Values with a unit, as people type them.

use std::time::Duration;

/// Reads `30s`, `5m`, `1h30m`, `500ms`; a bare number counts seconds.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse::<u32>() {
        return positive(Duration::from_secs(seconds.into()));
    }
    let span: jiff::SignedDuration =
        text.parse().map_err(|_| format!("{text:?} is no duration: write it like 30s, 5m or 1h30m"))?;
    positive(Duration::try_from(span).map_err(|_| format!("{text:?} is negative"))?)
}

fn positive(duration: Duration) -> Result<Duration, String> {
    if duration.is_zero() { Err("the duration is zero".to_owned()) } else { Ok(duration) }
}

/// Reads `65536`, `64K`, `16M`: bytes, from one page to 1 GiB.
pub(super) fn bytes(text: &str) -> Result<u32, String> {
    let (digits, unit) = match text.char_indices().last() {
        Some((at, 'k' | 'K')) => (&text[..at], 1 << 10),
        Some((at, 'm' | 'M')) => (&text[..at], 1 << 20),
        _ => (text, 1),
    };
    let bytes = digits.parse::<u32>().ok().and_then(|number| number.checked_mul(unit));
    match bytes {
        Some(bytes @ 4_096..=1_073_741_824) => Ok(bytes),
        _ => Err(format!("{text:?} is no size from 4K to 1024M")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, ms) in
            [("30s", 30_000), ("5m", 300_000), ("1h30m", 5_400_000), ("500ms", 500), ("7", 7_000)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in ["0", "0s", "-3s", "soon", ""] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes() {
        assert_eq!(bytes("64K"), Ok(65_536));
        assert_eq!(bytes("16m"), Ok(16_777_216));
        assert_eq!(bytes("4096"), Ok(4_096));
        for text in ["1K", "5000M", "", "M", "x", "4é"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }
}
