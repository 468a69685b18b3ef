//! Texts in JSON: our own words, which need no escape, and texts from outside, which may contain anything.

use super::write_json::WriteJson;
use crate::{escape::is_invisible, process::Comm};

/// A word that we chose ourselves: nothing in it has to be escaped, and nobody looks whether that is so.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Word(pub(crate) &'static str);

impl WriteJson for Word {
    fn write_json(&self, out: &mut Vec<u8>) {
        let Self(word) = self;
        debug_assert!(is_plain(word.as_bytes()), "{word:?}");
        quote(out, word.as_bytes());
    }
}

impl WriteJson for str {
    fn write_json(&self, out: &mut Vec<u8>) {
        if is_plain(self.as_bytes()) {
            quote(out, self.as_bytes());
        } else {
            escape(out, self);
        }
    }
}

impl WriteJson for String {
    fn write_json(&self, out: &mut Vec<u8>) {
        self.as_str().write_json(out);
    }
}

impl WriteJson for Comm {
    /// As text; bytes that are not UTF-8 become U+FFFD.
    fn write_json(&self, out: &mut Vec<u8>) {
        if is_plain(self.as_bytes()) {
            quote(out, self.as_bytes());
        } else {
            escape(out, &self.to_text());
        }
    }
}

/// The bytes of a name in hexadecimal, if they are no text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hex<'a>(pub(super) &'a Comm);

impl WriteJson for Hex<'_> {
    fn write_json(&self, out: &mut Vec<u8>) {
        let Self(comm) = self;
        let hex = comm.as_bytes().iter().map(|byte| format!("{byte:02x}"));
        quote(out, hex.collect::<String>().as_bytes());
    }

    fn is_present(&self) -> bool {
        let bytes = self.0.as_bytes();
        !bytes.is_ascii() && str::from_utf8(bytes).is_err()
    }
}

fn quote(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    out.extend_from_slice(text);
    out.push(b'"');
}

/// Whether the text is written as it is, like most names.
fn is_plain(text: &[u8]) -> bool {
    text.iter().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\'))
}

/// Escapes more than JSON must. A raw DEL, U+0085, U+2028 or U+202E is valid in it; but Python's `splitlines` ends a
/// line at some of them, and terminals obey others.
fn escape(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for c in text.chars() {
        let short = match c {
            '"' | '\\' => c,
            '\n' => 'n',
            '\r' => 'r',
            '\t' => 't',
            '\u{8}' => 'b',
            '\u{c}' => 'f',
            c if c.is_control() || is_invisible(c) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    out.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
                }
                continue;
            }
            c => {
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                continue;
            }
        };
        out.push(b'\\');
        out.extend_from_slice(short.encode_utf8(&mut [0; 4]).as_bytes());
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_end_a_line_or_turn_a_text_is_escaped() {
        for (text, written) in [
            ("plain ~", r#""plain ~""#),
            ("q\" b\\ \n\r\t\u{8}\u{c}", r#""q\" b\\ \n\r\t\b\f""#),
            ("\u{1b}[31m\u{7f}\u{85}", r#""\u001b[31m\u007f\u0085""#),
            ("\u{202e}\u{2028}\u{e0001}", r#""\u202e\u2028\udb40\udc01""#),
            ("bärüß", "\"bärüß\""),
        ] {
            let mut out = Vec::new();
            text.write_json(&mut out);
            assert_eq!(String::from_utf8(out).unwrap(), written);
        }
    }
}
