//! Durations for people: at most seven columns, three digits or so, never a false precision.

use std::fmt::Write as _;

use crate::time;

const US: u64 = 1_000;
const MS: u64 = 1_000_000;
const S: u64 = 1_000_000_000;

/// `17 µs`, `40.2 ms`, `2.10 s`, `1m05s`, `3h07m`, `2d04h`.
#[must_use]
pub fn short(ns: u64) -> String {
    let mut text = String::with_capacity(16);
    append_short(&mut text, ns);
    text
}

/// The same, behind other text.
pub(super) fn append_short(text: &mut String, ns: u64) {
    let seconds = ns / S;
    match ns {
        0..1_000 => append(text, ns, 1, 0, " ns"),
        // The upper limits leave room for rounding up: 999.96 ms is 1.00 s, not 1000.0 ms.
        1_000..999_500 => append(text, ns, US, 0, " µs"),
        999_500..99_950_000 => append(text, ns, MS, 1, " ms"),
        99_950_000..999_500_000 => append(text, ns, MS, 0, " ms"),
        999_500_000..9_995_000_000 => append(text, ns, S, 2, " s"),
        // Not rounded up to a minute.
        9_995_000_000..60_000_000_000 => append(text, ns / (S / 10) * (S / 10), S, 1, " s"),
        _ if seconds < 3_600 => append_two(text, seconds, 60, ['m', 's']),
        _ if seconds < 86_400 => append_two(text, seconds / 60, 60, ['h', 'm']),
        _ => append_two(text, seconds / 3_600, 24, ['d', 'h']),
    }
}

/// Appends so many units, rounded to this many decimals. Not as a float: that would cost a line more than all its columns.
fn append(text: &mut String, ns: u64, unit: u64, decimals: u32, name: &str) {
    let power = 10_u64.pow(decimals);
    let step = unit / power;
    let (below, rest) = (ns / step, ns % step);
    if 2 * rest == step {
        // In the middle: as a float is rounded. It cannot fail, for it goes to memory.
        let _ = write!(text, "{:.*}", decimals as usize, ns as f64 / unit as f64);
    } else {
        let nearest = below + u64::from(2 * rest > step);
        text.push_str(itoa::Buffer::new().format(nearest / power));
        if decimals > 0 {
            text.push('.');
            append_padded(text, nearest % power, decimals);
        }
    }
    text.push_str(name);
}

/// Appends a number of small units as two of them, the larger one first.
fn append_two(text: &mut String, value: u64, in_large: u64, [large, small]: [char; 2]) {
    text.push_str(itoa::Buffer::new().format(value / in_large));
    text.push(large);
    append_padded(text, value % in_large, 2);
    text.push(small);
}

/// Appends a number of one digit or two, with leading zeros.
fn append_padded(text: &mut String, value: u64, places: u32) {
    let mut digits = [0; 2];
    let digits = &mut digits[..places as usize];
    time::digits(digits, value as u32);
    text.extend(digits.iter().map(|digit| char::from(*digit)));
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

    /// The same with floats.
    fn slow(ns: u64) -> String {
        let (us, ms, s) = (ns as f64 / 1e3, ns as f64 / 1e6, ns as f64 / 1e9);
        let seconds = ns / 1_000_000_000;
        match ns {
            0..1_000 => format!("{ns} ns"),
            1_000..999_500 => format!("{us:.0} µs"),
            999_500..99_950_000 => format!("{ms:.1} ms"),
            99_950_000..999_500_000 => format!("{ms:.0} ms"),
            999_500_000..9_995_000_000 => format!("{s:.2} s"),
            9_995_000_000..60_000_000_000 => format!("{:.1} s", (s * 10.0).floor() / 10.0),
            _ if seconds < 3_600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
            _ if seconds < 86_400 => format!("{}h{:02}m", seconds / 3_600, seconds % 3_600 / 60),
            _ => format!("{}d{:02}h", seconds / 86_400, seconds % 86_400 / 3_600),
        }
    }

    #[test]
    fn halves_and_limits_are_rounded_as_floats_are() {
        let halves =
            (0..2_000).flat_map(|n| [500 * n, 50_000 * n, 500_000 * n, 5_000_000 * n, 50_000_000 * n]);
        for ns in halves.flat_map(|ns: u64| [ns.saturating_sub(1), ns, ns + 1]) {
            assert_eq!(short(ns), slow(ns), "{ns}");
        }
    }

    proptest! {
        #[test]
        fn any_is_rounded_as_a_float_is(digits in 0..13_u32, part in 0..1_000_000_u64) {
            let ns = 10_u64.pow(digits) * part / 1_000;
            prop_assert_eq!(short(ns), slow(ns));
        }

        #[test]
        fn a_year_fits_the_column(ns in 0..365 * 86_400 * 1_000_000_000_u64) {
            prop_assert!(short(ns).chars().count() <= 7);
        }
    }
}
