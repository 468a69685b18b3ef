//! One line of columns that keeps its shape: what does not fit the width goes on in the next row, indented.

use std::io::{self, Write};

use anstyle::Style;
use unicode_width::UnicodeWidthStr as _;

/// Where a continued line begins: below what follows the time.
const INDENT: usize = 16;

/// A line that is being put together, column by column.
#[derive(Debug)]
pub struct Line {
    text: String,
    /// Columns in the current row, without what is owed as padding.
    column: usize,
    padding: usize,
    width: usize,
}

impl Line {
    /// An empty line for a terminal of this width; `None` never breaks.
    #[must_use]
    pub fn new(width: Option<usize>) -> Self {
        Self { text: String::new(), column: 0, padding: 0, width: width.unwrap_or(usize::MAX) }
    }

    /// Adds a cell of at least `columns`, and a space after it.
    #[must_use]
    pub fn cell(mut self, columns: usize, style: Style, text: &str) -> Self {
        let fill = columns.saturating_sub(text.width());
        self.put(0, style, text);
        self.padding += fill + 1;
        self
    }

    /// The same, flush right.
    #[must_use]
    pub fn right(mut self, columns: usize, style: Style, text: &str) -> Self {
        self.put(columns.saturating_sub(text.width()), style, text);
        self.padding += 1;
        self
    }

    /// Adds words, which may be broken between two of them.
    #[must_use]
    pub fn prose(mut self, style: Style, text: &str) -> Self {
        for word in text.split(' ') {
            self.put(0, style, word);
            self.padding += 1;
        }
        self
    }

    /// Goes on in the next row.
    #[must_use]
    pub fn row(mut self) -> Self {
        self.text.push('\n');
        (self.column, self.padding) = (0, 0);
        self
    }

    /// Adds text with `fill` spaces before it that belong to it, in the next row too.
    fn put(&mut self, fill: usize, style: Style, text: &str) {
        let long = text.width();
        if long == 0 {
            self.padding += fill;
            return;
        }
        // Only where it gains room: a row that has nothing yet takes what comes, however long.
        if self.column > 0
            && self.column + self.padding > INDENT
            && self.column + self.padding + fill + long > self.width
        {
            self.text.push('\n');
            (self.column, self.padding) = (0, INDENT);
        }
        self.padding += fill;
        self.text.extend(std::iter::repeat_n(' ', self.padding));
        self.text.push_str(&format!("{style}{text}{style:#}"));
        self.column += self.padding + long;
        self.padding = 0;
    }

    /// Writes the line.
    ///
    /// # Errors
    /// Only those of `out`.
    pub fn write(mut self, out: &mut dyn Write) -> io::Result<()> {
        self.text.push('\n');
        // At one go, so that no buffer on the way hands on half a line.
        out.write_all(self.text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(width: Option<usize>) -> String {
        let plain = Style::new();
        let mut out = Vec::new();
        Line::new(width)
            .cell(4, plain, "ab")
            .right(5, plain, "12")
            .cell(3, plain, "")
            .right(3, plain, "")
            .cell(6, plain, "läng")
            .prose(plain, "the very end")
            .write(&mut out)
            .unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn columns_stand_below_each_other() {
        assert_eq!(lines(None), "ab      12         läng   the very end\n");
    }

    #[test]
    fn what_does_not_fit_goes_on_in_the_next_row() {
        assert_eq!(lines(Some(34)), "ab      12         läng   the very\n                end\n");
        assert_eq!(
            lines(Some(20)),
            "ab      12\n                läng\n                the\n                very\n                end\n"
        );
    }

    #[test]
    fn a_row_begins_anew() {
        let plain = Style::new();
        let mut out = Vec::new();
        Line::new(Some(10)).cell(4, plain, "ab").row().right(4, plain, "12").write(&mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "ab\n  12\n");
    }

    #[test]
    fn flush_right_is_so_in_the_next_row_too() {
        let plain = Style::new();
        let mut out = Vec::new();
        Line::new(Some(30)).cell(20, plain, "so long").right(12, plain, "12").write(&mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "so long\n                          12\n");
    }
}
