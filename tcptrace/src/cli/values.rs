//! Sizes and counts, as people type them.

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
        _ => Err(format!("{text:?} is not a size from 4K to 1024M: write it like 64K or 16M")),
    }
}

/// Reads a number from 1 up.
pub(super) fn count(text: &str) -> Result<u64, String> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| format!("{text:?} is not a count: write a number like 100"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(bytes("64K"), Ok(65_536));
        assert_eq!(bytes("16m"), Ok(16_777_216));
        assert_eq!(bytes("4096"), Ok(4_096));
        for text in ["1K", "5000M", "", "M", "x", "4é"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn counts() {
        assert_eq!(count("1"), Ok(1));
        for text in ["0", "-1", "", "ten"] {
            assert!(count(text).is_err(), "{text}");
        }
    }
}
