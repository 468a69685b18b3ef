//! How many columns a text takes.

use unicode_width::UnicodeWidthStr as _;

/// As many as it has characters, if it has only those that nearly every line is made of; for others Unicode's tables say.
pub(crate) fn width(text: &str) -> usize {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.len();
    }
    let is_single = |c| matches!(c, ' '..='~' | 'µ' | '→');
    let singles = text.chars().try_fold(0, |count, c| is_single(c).then_some(count + 1));
    singles.unwrap_or_else(|| text.width())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_what_unicode_says(text in any::<String>(), ours in "[ -~µ→]*") {
            prop_assert_eq!(width(&text), text.width());
            prop_assert_eq!(width(&ours), ours.width());
        }
    }
}
