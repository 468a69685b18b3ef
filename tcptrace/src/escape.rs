//! Text from outside on its way to a terminal: no name, reason or path may move the cursor, change a colour, turn the direction
//! of the text, begin a line, or look like nothing.

use std::fmt;

/// Text that others have chosen, as a terminal may show it: everything that is not a plain visible character is escaped, and
/// so are bytes that are no UTF-8.
#[derive(Clone, Copy, Debug)]
pub struct Escaped<'a>(pub &'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_escaped(self.0, f)
    }
}

/// Several lines for a terminal, such as an error with its reasons: each but the first is indented, so that none looks like a
/// line of its own.
#[derive(Clone, Copy, Debug)]
pub struct Indented<'a>(pub &'a str);

impl fmt::Display for Indented<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = self.0.trim_end().split('\n');
        write_escaped(lines.next().unwrap_or_default().as_bytes(), f)?;
        for line in lines {
            f.write_str("\n  ")?;
            // Tabs only move on.
            for (i, part) in line.split('\t').enumerate() {
                f.write_str(if i > 0 { "\t" } else { "" })?;
                write_escaped(part.as_bytes(), f)?;
            }
        }
        Ok(())
    }
}

/// Appends the text, escaped.
///
/// # Errors
/// Only those of `out`.
pub(crate) fn write_escaped(text: &[u8], out: &mut impl fmt::Write) -> fmt::Result {
    for chunk in text.utf8_chunks() {
        // Most texts have nothing to escape.
        if chunk.valid().bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'\\') {
            out.write_str(chunk.valid())?;
        } else {
            chunk.valid().chars().try_for_each(|c| escape(c, out))?;
        }
        for byte in chunk.invalid() {
            write!(out, "\\x{byte:02x}")?;
        }
    }
    Ok(())
}

/// Appends a name that stands in a row with other things, whose separators are spaces, `:` and `@`: in quotes if it has one of
/// them, so that it cannot pass for two things, or if it is empty.
///
/// # Errors
/// Only those of `out`.
pub(crate) fn write_name(name: &[u8], out: &mut impl fmt::Write) -> fmt::Result {
    let is_apart = |byte: &u8| !matches!(byte, b' ' | b':' | b'@' | b'"');
    // Most names have nothing to escape either.
    if !name.is_empty()
        && name.iter().all(|byte| matches!(byte, b'!'..=b'~') && *byte != b'\\' && is_apart(byte))
        && let Ok(name) = str::from_utf8(name)
    {
        return out.write_str(name);
    }
    if !name.is_empty() && name.iter().all(is_apart) {
        return write_escaped(name, out);
    }
    let mut quoted = String::with_capacity(2 * name.len() + 2);
    write_escaped(name, &mut quoted)?;
    write!(out, "\"{}\"", quoted.replace('"', "\\\""))
}

fn escape(c: char, out: &mut impl fmt::Write) -> fmt::Result {
    // char::escape_debug escapes controls, and the format and unassigned characters of Unicode.
    match c {
        '\'' | '"' => out.write_char(c),
        c if is_invisible(c) => write!(out, "{}", c.escape_unicode()),
        c => write!(out, "{}", c.escape_debug()),
    }
}

/// Bidirectional controls, zero-width characters, spaces that look like none or like more than one column, and letters that
/// look like spaces: the fillers of Hangul, the empty Braille pattern, a note without a head.
pub(crate) const fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{a0}' | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{1680}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{2000}'..='\u{200f}' | '\u{2028}'..='\u{202f}' | '\u{205f}'..='\u{206f}'
        | '\u{2800}' | '\u{3000}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{1d159}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_a_terminal_that_it_would_obey() {
        for (text, shown) in [
            (&b"plain (words): 5 %"[..], "plain (words): 5 %"),
            (b"\x1b]0;title\x07\x1b[2J", "\\u{1b}]0;title\\u{7}\\u{1b}[2J"),
            (b"a\nforged\tline\r", "a\\nforged\\tline\\r"),
            ("\u{9b}31m\u{202e}\u{2028}".as_bytes(), "\\u{9b}31m\\u{202e}\\u{2028}"),
            ("\u{3164}\u{2800}\u{115f}\u{ffa0}".as_bytes(), "\\u{3164}\\u{2800}\\u{115f}\\u{ffa0}"),
            (b"\xff\\", "\\xff\\\\"),
            ("bärüß".as_bytes(), "bärüß"),
        ] {
            assert_eq!(Escaped(text).to_string(), shown);
        }
    }

    #[test]
    fn a_name_cannot_pass_for_two() {
        let name = |name: &str| {
            let mut text = String::new();
            write_name(name.as_bytes(), &mut text).unwrap();
            text
        };
        for plain in ["server", "kworker/0", "it's", "-", "tokio-runtime-w"] {
            assert_eq!(name(plain), plain);
        }
        assert_eq!(name(""), "\"\"");
        assert_eq!(name("root@0123456789"), "\"root@0123456789\"");
        assert_eq!(name("1234/sshd:x"), "\"1234/sshd:x\"");
        assert_eq!(name("x  RST sent"), "\"x  RST sent\"");
        assert_eq!(name("a\" \x1b"), "\"a\\\" \\u{1b}\"");
    }

    #[test]
    fn a_message_of_several_lines_is_one_message() {
        assert_eq!(
            Indented("open a\x1b\ntcptrace: fine\n\tat 1\n").to_string(),
            "open a\\u{1b}\n  tcptrace: fine\n  \tat 1"
        );
    }
}
