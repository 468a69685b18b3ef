//! Names of tasks, which anybody may choose.

use std::fmt;

use crate::escape::{write_escaped, write_name};

/// A task's name: up to 15 bytes that the task itself chooses, in no particular encoding.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Comm([u8; 16]);

impl Comm {
    /// Name from the kernel's `TASK_COMM_LEN` bytes; what follows the first NUL is cut off.
    #[must_use]
    pub fn new(mut bytes: [u8; 16]) -> Self {
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(15).min(15);
        bytes[end..].fill(0);
        Self(bytes)
    }

    /// Name from any bytes, cut to what the kernel keeps.
    #[must_use]
    pub fn from_slice(name: &[u8]) -> Self {
        let mut bytes = [0; 16];
        for (to, from) in bytes.iter_mut().zip(name.iter().take(15)) {
            *to = *from;
        }
        Self::new(bytes)
    }

    /// Bytes of the name.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        // Behind its first NUL are nothing but NULs.
        let free = u128::from_le_bytes(self.0).leading_zeros() as usize / 8;
        &self.0[..self.0.len() - free]
    }

    /// The name as text; bytes that are not UTF-8 become U+FFFD.
    #[must_use]
    pub fn to_text(self) -> String {
        String::from_utf8_lossy(self.as_bytes()).into_owned()
    }

    /// Appends the name for terminals: escaped, and in quotes if it could pass for more than a name.
    ///
    /// # Errors
    /// Only those of `out`.
    pub fn write(&self, out: &mut impl fmt::Write) -> fmt::Result {
        write_name(self.as_bytes(), out)
    }
}

impl fmt::Display for Comm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f)
    }
}

impl fmt::Debug for Comm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        write_escaped(self.as_bytes(), f)?;
        f.write_str("\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_cannot_reach_the_terminal() {
        for (name, shown) in [
            (&b"server"[..], "server"),
            (b"\x1b[31mred\x07", "\\u{1b}[31mred\\u{7}"),
            (b"a\nb\tc\\", "a\\nb\\tc\\\\"),
            ("\u{202e}evil\u{200b}".as_bytes(), "\\u{202e}evil\\u{200b}"),
            (b"\xff\xfeq", "\\xff\\xfeq"),
            (b"it's \"q\"", "\"it's \\\"q\\\"\""),
            ("bärüß".as_bytes(), "bärüß"),
            (b"", "\"\""),
        ] {
            assert_eq!(Comm::from_slice(name).to_string(), shown);
        }
    }

    #[test]
    fn a_name_ends_at_its_first_nul_or_after_15_bytes() {
        assert_eq!(Comm::new(*b"ab\0junk\0\0\0\0\0\0\0\0\0").as_bytes(), b"ab");
        assert_eq!(Comm::new([b'x'; 16]).as_bytes(), [b'x'; 15]);
        assert_eq!(Comm::from_slice(&[b'y'; 40]).as_bytes(), [b'y'; 15]);
    }
}
