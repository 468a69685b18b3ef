//! Durations for people: at most seven columns, three digits or so, never a false precision.

/// `17 µs`, `40.2 ms`, `2.10 s`, `1m05s`, `3h07m`, `2d04h`.
#[must_use]
pub fn short(ns: u64) -> String {
    const US: f64 = 1e3;
    const MS: f64 = 1e6;
    const S: f64 = 1e9;
    let value = ns as f64;
    let seconds = ns / 1_000_000_000;
    match ns {
        0..1_000 => format!("{ns} ns"),
        // The upper limits leave room for rounding up: 999.96 ms is 1.00 s, not 1000.0 ms.
        1_000..999_500 => format!("{:.0} µs", value / US),
        999_500..99_950_000 => format!("{:.1} ms", value / MS),
        99_950_000..999_500_000 => format!("{:.0} ms", value / MS),
        999_500_000..9_995_000_000 => format!("{:.2} s", value / S),
        9_995_000_000..60_000_000_000 => format!("{:.1} s", (value / S * 10.0).floor() / 10.0),
        _ if seconds < 3_600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ if seconds < 86_400 => format!("{}h{:02}m", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_size_reads_well() {
        for (ns, text) in [
            (0, "0 ns"),
            (999, "999 ns"),
            (17_400, "17 µs"),
            (999_499, "999 µs"),
            (999_500, "1.0 ms"),
            (40_234_000, "40.2 ms"),
            (99_950_000, "100 ms"),
            (999_499_999, "999 ms"),
            (999_500_000, "1.00 s"),
            (2_104_000_000, "2.10 s"),
            (59_999_999_999, "59.9 s"),
            (60_000_000_000, "1m00s"),
            (65_000_000_000, "1m05s"),
            (11_220_000_000_000, "3h07m"),
            (187_200_000_000_000, "2d04h"),
        ] {
            assert_eq!(short(ns), text);
        }
    }

    proptest! {
        #[test]
        fn a_year_fits_the_column(ns in 0..365 * 86_400 * 1_000_000_000_u64) {
            prop_assert!(short(ns).chars().count() <= 7);
        }
    }
}
