//! Bytes to lines to records: what is good is taken, whatever stands beside it.

use std::io::{self, BufRead};

use super::{Broken, SkippedReport, read};
use crate::record::Record;

/// Longest line that is read, which bounds the memory; ours have a tenth of it at most.
const LONGEST: usize = 1 << 20;
/// Beginning of every line that tcptrace writes, which stands nowhere else in one: quotes in texts are escaped.
const BEGINS: &[u8] = b"{\"v\":";

/// Byte order mark of UTF-8, which says nothing.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Number of times that a line is searched for a good rest, which bounds the time.
const ATTEMPTS: u32 = 50;

/// Next piece of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "almost all of them are records")]
pub enum Item {
    /// A record.
    Record(Record),
    /// Number of lines that could not be read.
    Gap(u64),
    /// A line that yields no record, and should not: it is blank, a summary that is made anew, or of a newer version's
    /// type.
    Skipped,
}

/// Reader of a recording: yields its records and gaps. The only errors are those of the input.
///
/// Each line yields an item at least, and none is read before the last one's items were taken: between two items is
/// where a caller can flush what it has written, because the next one may be long in coming.
#[derive(Debug)]
pub struct Reader<R> {
    input: R,
    line: Vec<u8>,
    /// Items that were found in a line, the first last.
    found: Vec<Item>,
    /// Counts of what was skipped so far.
    pub skipped: SkippedReport,
    /// Whether nothing but blanks was read so far.
    pub is_empty: bool,
}

impl<R: BufRead> Reader<R> {
    /// Reader of `input`.
    pub fn new(input: R) -> Self {
        Self { input, line: Vec::new(), found: Vec::new(), skipped: SkippedReport::default(), is_empty: true }
    }

    /// Input that it reads from.
    pub fn input(&self) -> &R {
        &self.input
    }

    fn take_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let text = line.trim_ascii();
        // Where a recording went through an editor that puts a mark before all text.
        let text = text.strip_prefix(MARK).filter(|rest| !rest.is_empty()).unwrap_or(text);
        if !text.is_empty() {
            self.is_empty = false;
            self.find_records(text);
            self.found.reverse();
        }
        self.line = line;
    }

    /// Finds the records in a line: usually one and nothing else. Half a line may stand before a good one, where a
    /// writer was cut off and another went on.
    fn find_records(&mut self, text: &[u8]) {
        let (mut rest, mut broken) = (text, 0);
        while !rest.is_empty() {
            let taken = match read(rest, &mut self.skipped) {
                Ok((record, taken)) => {
                    self.found.extend(record.map(Item::Record));
                    taken
                }
                Err(Broken) => {
                    self.add_gap();
                    broken += 1;
                    if broken > ATTEMPTS {
                        return;
                    }
                    let next = rest.windows(BEGINS.len()).skip(1).position(|at| at == BEGINS);
                    next.map_or(rest.len(), |next| next + 1)
                }
            };
            rest = rest.get(taken.max(1)..).unwrap_or_default().trim_ascii();
        }
    }

    fn add_gap(&mut self) {
        self.is_empty = false;
        self.skipped.lines += 1;
        if let Some(Item::Gap(count)) = self.found.last_mut() {
            *count += 1;
        } else {
            self.found.push(Item::Gap(1));
        }
    }

    /// Reads up to the next newline or NUL: where a file has a hole, a line may begin right behind it.
    fn next_line(&mut self) -> io::Result<LineEnd> {
        self.line.clear();
        let mut too_long = false;
        loop {
            let available = match self.input.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                available => available?,
            };
            let end = available.iter().position(|byte| matches!(byte, b'\n' | 0));
            let part = available.get(..end.unwrap_or(available.len())).unwrap_or_default();
            too_long |= self.line.len() + part.len() > LONGEST;
            if !too_long {
                self.line.extend_from_slice(part);
            }
            let hole = end.is_some_and(|end| available.get(end) == Some(&0));
            let (is_over, used) = (available.is_empty(), part.len() + usize::from(end.is_some()));
            self.input.consume(used);
            if hole {
                self.skipped.holes += 1;
                self.is_empty = false;
            }
            if too_long && (end.is_some() || is_over) {
                self.line.clear();
                return Ok(LineEnd::TooLong);
            }
            if is_over {
                return Ok(LineEnd::Input);
            }
            if end.is_some() {
                return Ok(LineEnd::Line);
            }
        }
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = io::Result<Item>;

    fn next(&mut self) -> Option<io::Result<Item>> {
        loop {
            if let Some(item) = self.found.pop() {
                return Some(Ok(item));
            }
            match self.next_line() {
                Err(error) => return Some(Err(error)),
                Ok(LineEnd::Input) if self.line.is_empty() => return None,
                Ok(LineEnd::TooLong) => self.add_gap(),
                Ok(LineEnd::Line | LineEnd::Input) => {
                    self.take_line();
                    if self.found.is_empty() {
                        return Some(Ok(Item::Skipped));
                    }
                }
            }
        }
    }
}

/// End of a line.
enum LineEnd {
    Line,
    Input,
    TooLong,
}
