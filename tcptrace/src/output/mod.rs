//! Where the bytes go: standard output or a file, buffered, and flushed once per batch.

mod file;

use std::{
    io::{self, BufWriter, IsTerminal as _, Write},
    os::fd::AsRawFd as _,
    path::{Path, PathBuf},
};

use anstream::AutoStream;
use anyhow::{Context as _, Result};
use clap::ColorChoice;
use tokio::io::{Interest, unix::AsyncFd};

use file::OutputFile;

/// An open output.
pub struct Output {
    to: BufWriter<Target>,
    /// Name of the file, for messages.
    path: PathBuf,
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
            to: BufWriter::with_capacity(1 << 16, Target::Stdout(stdout)),
            path: PathBuf::new(),
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
        let file = OutputFile::open(path).with_context(|| format!("open {} for writing", path.display()))?;
        Ok(Self {
            to: BufWriter::with_capacity(1 << 16, Target::File(file)),
            path: path.to_owned(),
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
        match self.to.get_ref() {
            Target::Stdout(_) => Ok(()),
            Target::File(file) => file.empty().with_context(|| format!("empty {}", self.path.display())),
        }
    }

    /// The same output, emptied.
    ///
    /// # Errors
    /// When it cannot be emptied.
    pub fn emptied(self) -> Result<Self> {
        self.empty().map(|()| self)
    }

    /// Goes on in the file that has its name now: somebody has moved the one that had it (logrotate). What is there stays. A
    /// link that the path went through at the start is not followed again. If it cannot be opened, the one that is open goes on.
    pub fn reopen(&mut self) {
        let reopened = self.to.flush().and_then(|()| match self.to.get_mut() {
            Target::Stdout(_) => Ok(()),
            Target::File(file) => file.reopen(),
        });
        if let Err(error) = reopened {
            log::warn!("open {} again: {error}; writing to the old one", self.path.display());
        }
    }

    /// Waits until nobody reads standard output any more; for a file, for ever.
    ///
    /// A pipe tells by itself, so `| head -1` ends at once and not with the next event.
    pub fn reader_is_gone(&self) -> impl Future<Output = ()> + use<> {
        let is_stdout = self.is_stdout();
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
    pub fn is_stdout(&self) -> bool {
        matches!(self.to.get_ref(), Target::Stdout(_))
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

/// Open place that the bytes go to.
#[derive(Debug)]
enum Target {
    Stdout(io::Stdout),
    File(OutputFile),
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout(stdout) => stdout.write(bytes),
            Self::File(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout(stdout) => stdout.flush(),
            Self::File(file) => file.flush(),
        }
    }
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
