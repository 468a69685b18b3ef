//! One line of columns that keeps its shape: what does not fit the width goes on in the next row, indented.

use std::{
    fmt::Write as _,
    io::{self, Write},
};

use anstyle::Style;

use super::width;

/// Column at which a continued line begins: below what follows the time.
const INDENT: usize = 16;

/// Bytes of most lines, colours included, so that they are made without asking for more room.
const USUAL: usize = 512;

/// Spaces from which padding is copied.
const SPACES: &str = "                                ";

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
        Self { text: String::with_capacity(USUAL), column: 0, padding: 0, width: width.unwrap_or(usize::MAX) }
    }

    /// Adds a cell of at least `columns`, and a space after it.
    #[must_use]
    pub fn cell(mut self, columns: usize, style: Style, text: &str) -> Self {
        let long = width(text);
        self.put(0, style, text, long);
        self.padding += columns.saturating_sub(long) + 1;
        self
    }

    /// The same, flush right.
    #[must_use]
    pub fn right(mut self, columns: usize, style: Style, text: &str) -> Self {
        let long = width(text);
        self.put(columns.saturating_sub(long), style, text, long);
        self.padding += 1;
        self
    }

    /// Adds words, which may be broken between two of them.
    #[must_use]
    pub fn prose(mut self, style: Style, text: &str) -> Self {
        let long = width(text);
        // All at once where it comes to the same.
        if style.is_plain() && text.is_ascii() && !text.ends_with(' ') && self.has_room(long) {
            self.put(0, style, text, long);
            self.padding += 1;
            return self;
        }
        for word in text.split(' ') {
            self.put(0, style, word, width(word));
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

    /// Whether this number of further columns fits into the row.
    fn has_room(&self, long: usize) -> bool {
        self.column + self.padding + long <= self.width
    }

    /// Adds text, `long` columns of it, with `fill` spaces before it that belong to it, in the next row too.
    fn put(&mut self, fill: usize, style: Style, text: &str, long: usize) {
        if long == 0 {
            self.padding += fill;
            return;
        }
        // Only where it gains room: a row that has nothing yet takes what comes, however long.
        if self.column > 0 && self.column + self.padding > INDENT && !self.has_room(fill + long) {
            self.text.push('\n');
            (self.column, self.padding) = (0, INDENT);
        }
        self.padding += fill;
        let mut owed = self.padding;
        while owed > 0 {
            let some = owed.min(SPACES.len());
            self.text.push_str(&SPACES[..some]);
            owed -= some;
        }
        if style.is_plain() {
            self.text.push_str(text);
        } else {
            // Cannot fail: it goes to memory.
            let _ = write!(self.text, "{style}{text}{style:#}");
        }
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
