//! Where the bytes go: standard output or a file, buffered, and flushed once per batch.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufWriter, IsTerminal as _, Write},
    os::fd::AsRawFd as _,
    path::{Path, PathBuf},
};

use anstream::AutoStream;
use anyhow::{Context as _, Result};
use clap::ColorChoice;
use tokio::io::{Interest, unix::AsyncFd};

/// An open output.
pub struct Output {
    to: BufWriter<Box<dyn Write>>,
    /// Path to open again, if the output is a file.
    path: Option<PathBuf>,
    is_stdout: bool,
    terminal: bool,
    coloured: bool,
    width: Option<usize>,
}

impl Output {
    /// Standard output, with colours if it is a terminal that wants them.
    #[must_use]
    pub fn stdout() -> Self {
        Self::stdout_with(ColorChoice::Auto)
    }

    /// Standard output, with colours as chosen. `auto` honours `NO_COLOR` and `CLICOLOR`.
    #[must_use]
    pub fn stdout_with(color: ColorChoice) -> Self {
        let stdout = io::stdout();
        let terminal = stdout.is_terminal();
        let coloured = match color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => AutoStream::choice(&stdout) != anstream::ColorChoice::Never,
        };
        let width = terminal
            .then(|| rustix::termios::tcgetwinsize(&stdout).ok())
            .flatten()
            .map(|size| usize::from(size.ws_col))
            // A terminal that does not know its width says 0.
            .filter(|columns| *columns >= 40);
        Self {
            to: BufWriter::with_capacity(1 << 16, Box::new(stdout)),
            path: None,
            is_stdout: true,
            terminal,
            coloured,
            width,
        }
    }

    /// A file, created if it is not there. What it holds stays until it is [emptied](Self::empty).
    ///
    /// # Errors
    /// When it cannot be opened for writing.
    pub fn file(path: &Path, color: ColorChoice) -> Result<Self> {
        // Appending, so that one who truncates it meanwhile (logrotate's copytruncate) leaves no hole.
        let file = open(path).with_context(|| format!("open {} for writing", path.display()))?;
        Ok(Self {
            to: BufWriter::with_capacity(1 << 16, Box::new(WholeLines::new(file))),
            path: Some(path.to_owned()),
            is_stdout: false,
            terminal: false,
            coloured: color == ColorChoice::Always,
            width: None,
        })
    }

    /// Empties the file, unless it is a pipe or a device.
    ///
    /// # Errors
    /// When it cannot be emptied.
    pub fn empty(&self) -> Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        let empty = |file: File| if file.metadata()?.is_file() { file.set_len(0) } else { Ok(()) };
        open(path).and_then(empty).with_context(|| format!("empty {}", path.display()))
    }

    /// The same output, emptied.
    ///
    /// # Errors
    /// When it cannot be emptied.
    pub fn emptied(self) -> Result<Self> {
        self.empty().map(|()| self)
    }

    /// Goes on in the file that has the path now: somebody has moved the one that had it (logrotate). What is there stays.
    /// If it cannot be opened, the one that is open goes on.
    pub fn reopen(&mut self) {
        let Some(path) = &self.path else { return };
        match self.to.flush().and_then(|()| open(path)) {
            Ok(file) => self.to = BufWriter::with_capacity(1 << 16, Box::new(WholeLines::new(file))),
            Err(error) => log::warn!("open {} again: {error}; writing to the old one", path.display()),
        }
    }

    /// Waits until nobody reads standard output any more; for a file, for ever.
    ///
    /// A pipe tells by itself, so `| head -1` ends at once and not with the next event.
    pub fn reader_is_gone(&self) -> impl Future<Output = ()> + use<> {
        let is_stdout = self.is_stdout;
        async move {
            if is_stdout {
                // SAFETY: standard output stays open as long as the process.
                let watched =
                    unsafe { AsyncFd::register_with_interest(io::stdout().as_raw_fd(), Interest::ERROR) };
                // What cannot be watched (a regular file) has no reader that could go.
                if let Ok(stdout) = watched
                    && stdout.ready(Interest::ERROR).await.is_ok()
                {
                    return;
                }
            }
            std::future::pending().await
        }
    }

    /// Lines that were handed over, and that the output has not taken.
    #[must_use]
    pub fn unwritten(&self) -> usize {
        self.to.buffer().iter().filter(|byte| **byte == b'\n').count()
    }

    /// Whether to write colours.
    #[must_use]
    pub const fn is_coloured(&self) -> bool {
        self.coloured
    }

    /// Whether it is standard output.
    #[must_use]
    pub const fn is_stdout(&self) -> bool {
        self.is_stdout
    }

    /// Whether somebody looks at it as it comes.
    #[must_use]
    pub const fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Columns of the terminal, if it is one.
    #[must_use]
    pub const fn width(&self) -> Option<usize> {
        self.width
    }
}

/// A file that ends with a whole line also when it can take no more: readers of JSON lines trip over half of one.
struct WholeLines {
    file: File,
    /// Bytes since the last end of a line.
    torn: u64,
    /// Nothing more is written: what would follow is the rest of the line that was cut off.
    failed: bool,
}

impl WholeLines {
    const fn new(file: File) -> Self {
        Self { file, torn: 0, failed: false }
    }

    fn cut(&mut self) {
        self.failed = true;
        // Not of a pipe or a device; and if it cannot be cut, the failure itself is reported all the same.
        if let Ok(metadata) = self.file.metadata()
            && metadata.is_file()
        {
            let _ = self.file.set_len(metadata.len().saturating_sub(self.torn));
        }
    }
}

impl Write for WholeLines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.failed {
            return Err(io::Error::other("an earlier write failed"));
        }
        match self.file.write(bytes) {
            Ok(count) => {
                let end = bytes[..count].iter().rposition(|byte| *byte == b'\n');
                self.torn = end.map_or(self.torn + count as u64, |end| (count - end - 1) as u64);
                Ok(count)
            }
            Err(error) => {
                if error.kind() != io::ErrorKind::Interrupted {
                    self.cut();
                }
                Err(error)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.to.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_made_anew_and_may_be_truncated_meanwhile() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "from yesterday\n").unwrap();
        let mut out = Output::file(file.path(), ColorChoice::Auto).unwrap();
        assert_eq!(std::fs::read_to_string(file.path()).unwrap(), "from yesterday\n");
        out.empty().unwrap();
        let mut told = |line: &[u8]| {
            out.write_all(line).and_then(|()| out.flush()).unwrap();
            std::fs::read_to_string(file.path()).unwrap()
        };
        assert_eq!(told(b"one\n"), "one\n");
        file.as_file().set_len(0).unwrap();
        assert_eq!(told(b"two\n"), "two\n");
        assert!(Output::file(Path::new("/dev/null"), ColorChoice::Auto).is_ok());
    }

    #[test]
    fn a_file_that_can_take_no_more_ends_with_a_whole_line() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut lines = WholeLines::new(open(file.path()).unwrap());
        lines.write_all(b"one\ntw").unwrap();
        lines.write_all(b"o\nthr").unwrap();
        lines.write_all(b"e").unwrap();
        // As after ENOSPC.
        lines.cut();
        assert_eq!(std::fs::read_to_string(file.path()).unwrap(), "one\ntwo\n");
        // There is room again, but what comes next is the rest of the third line.
        assert!(lines.write(b"e\n").is_err());
        assert_eq!(std::fs::read_to_string(file.path()).unwrap(), "one\ntwo\n");
    }

    #[test]
    fn after_a_rotation_it_goes_on_in_a_new_file() {
        let dir = tempfile::tempdir().unwrap();
        let [path, old] = ["x.jsonl", "x.jsonl.1"].map(|name| dir.path().join(name));
        let mut out = Output::file(&path, ColorChoice::Never).unwrap();
        // What is buffered belongs to the old one.
        out.write_all(b"one\n").unwrap();
        std::fs::rename(&path, &old).unwrap();
        out.reopen();
        out.write_all(b"two\n").and_then(|()| out.flush()).unwrap();
        let read = |path: &Path| std::fs::read_to_string(path).unwrap();
        assert_eq!((read(&old), read(&path)), ("one\n".to_owned(), "two\n".to_owned()));
        // Nobody has moved it: what is there stays.
        out.reopen();
        out.write_all(b"three\n").and_then(|()| out.flush()).unwrap();
        assert_eq!(read(&path), "two\nthree\n");
        // It cannot be opened: the old one goes on.
        std::fs::rename(&path, &old).unwrap();
        std::fs::create_dir(&path).unwrap();
        out.reopen();
        out.write_all(b"four\n").and_then(|()| out.flush()).unwrap();
        assert_eq!(read(&old), "two\nthree\nfour\n");
    }
}
