//! Durations as people type them, and moments: every one has a monotonic reading to compute with and a wall-clock
//! reading to show.

use std::time::Duration;

/// Moment on this host, by both of its clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// Nanoseconds of `CLOCK_MONOTONIC`.
    pub mono_ns: u64,
    /// Nanoseconds since the Unix epoch.
    pub wall_ns: i64,
}

impl Moment {
    /// Nanoseconds since `earlier`; 0 if it is not after.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.mono_ns.saturating_sub(earlier.mono_ns)
    }
}

/// Writes a number into all of these places, with leading zeros.
pub(crate) fn digits(places: &mut [u8], mut value: u32) {
    for place in places.iter_mut().rev() {
        *place = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

/// Reads `30s`, `5m`, `1h30m`, `500ms`; a bare number counts seconds.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse::<u32>() {
        return positive(Duration::from_secs(seconds.into()));
    }
    let span: jiff::SignedDuration =
        text.parse().map_err(|_| format!("{text:?} is not a duration: write it like 30s, 5m or 1h30m"))?;
    positive(Duration::try_from(span).map_err(|_| format!("{text:?} is negative"))?)
}

fn positive(duration: Duration) -> Result<Duration, String> {
    if duration.is_zero() { Err("the duration is zero".to_owned()) } else { Ok(duration) }
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
}
