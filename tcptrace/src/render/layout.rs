//! One line of columns that keeps its shape: what does not fit the width goes on in the next row, indented.

use std::io::{self, Write};

use anstyle::Style;
use unicode_width::UnicodeWidthStr as _;

/// Where a continued line begins.
const INDENT: usize = 17;

/// A line that is being put together, column by column.
#[derive(Debug)]
pub struct Line {
    text: String,
    /// Columns in the current row, with what is owed as padding.
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

    /// Adds a cell of at least `columns`, one space after the last.
    #[must_use]
    pub fn cell(self, columns: usize, style: Style, text: &str) -> Self {
        self.place(columns, style, text, false)
    }

    /// The same, flush right.
    #[must_use]
    pub fn right(self, columns: usize, style: Style, text: &str) -> Self {
        self.place(columns, style, text, true)
    }

    fn place(mut self, columns: usize, style: Style, text: &str, right: bool) -> Self {
        let long = text.width();
        let gap = usize::from(self.column > 0);
        if self.column > 0 && self.column + self.padding + gap + long > self.width {
            self.text.push('\n');
            self.text.extend(std::iter::repeat_n(' ', INDENT));
            (self.column, self.padding) = (INDENT, 0);
        } else {
            self.padding += gap;
        }
        let fill = columns.saturating_sub(long);
        if right {
            self.padding += fill;
        }
        if long > 0 {
            self.text.extend(std::iter::repeat_n(' ', self.padding));
            self.text.push_str(&format!("{style}{text}{style:#}"));
            self.column += self.padding + long;
            self.padding = 0;
        }
        if !right || long == 0 {
            self.padding += if long == 0 { columns } else { fill };
        }
        self
    }

    /// Writes the line.
    ///
    /// # Errors
    /// Only those of `out`.
    pub fn write(self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.text)
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
            .cell(6, plain, "läng")
            .cell(0, plain, "the end")
            .write(&mut out)
            .unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn columns_stand_below_each_other() {
        assert_eq!(lines(None), "ab      12     läng   the end\n");
    }

    #[test]
    fn what_does_not_fit_goes_on_in_the_next_row() {
        assert_eq!(lines(Some(24)), "ab      12     läng\n                 the end\n");
    }
}
