//! Names with wildcards: `*` stands for any number of bytes, `?` for one, everything else for itself.

/// Whether a name matches a pattern.
pub(crate) fn is_match(pattern: &[u8], name: &[u8]) -> bool {
    let (mut rest, mut left) = (pattern, name);
    // Where to go on if the latest `*` has to take one more.
    let mut again: Option<(&[u8], &[u8])> = None;
    loop {
        match (rest, left) {
            ([b'*', after @ ..], _) => {
                again = Some((after, left));
                rest = after;
            }
            ([], []) => return true,
            ([p, after @ ..], [n, later @ ..]) if *p == b'?' || p == n => (rest, left) = (after, later),
            _ => match again {
                Some((after, [_, later @ ..])) => {
                    again = Some((after, later));
                    (rest, left) = (after, later);
                }
                _ => return false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards() {
        for (pattern, names, others) in [
            ("nginx", &["nginx"][..], &["nginx2", "ngin", ""][..]),
            ("nginx*", &["nginx", "nginx: worker"], &["anginx"]),
            ("*d", &["sshd", "d", "dd"], &["sshd2", ""]),
            ("php-fpm?.?", &["php-fpm8.2"], &["php-fpm8", "php-fpm10.2"]),
            ("a*b*c", &["abc", "aXbYc", "abbcc"], &["acb", "ab"]),
            ("*", &["", "x"], &[]),
            ("", &[""], &["x"]),
        ] {
            for name in names {
                assert!(is_match(pattern.as_bytes(), name.as_bytes()), "{pattern} {name}");
            }
            for name in others {
                assert!(!is_match(pattern.as_bytes(), name.as_bytes()), "{pattern} {name}");
            }
        }
    }
}
