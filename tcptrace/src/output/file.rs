//! A file that is written to, line by line. Its path is followed at the start; after that it is opened anew only in the directory
//! in which it was then, and only as a regular file: whoever may write to that directory cannot lead it elsewhere.

use std::{
    ffi::OsString,
    fs::{self, File, Metadata, OpenOptions},
    io::{self, Write},
    os::{
        fd::OwnedFd,
        unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    },
    path::Path,
};

use rustix::fs::{AtFlags, Mode, OFlags, openat, statat};

/// Rights of a new file: what it says about processes is not for everybody.
const MODE: u32 = 0o640;

/// An open file.
#[derive(Debug)]
pub(super) struct OutputFile {
    file: File,
    /// Whether it is no pipe and no device.
    is_regular: bool,
    /// Place to open it anew, if a name leads to it.
    place: Option<Place>,
    /// Bytes since the last end of a line.
    torn: u64,
    /// Nothing more is written: what would follow is the rest of the line that was cut off.
    failed: bool,
}

/// A name in a directory that is held open.
#[derive(Debug)]
struct Place {
    directory: OwnedFd,
    name: OsString,
}

impl OutputFile {
    /// Opens the file, created if it is not there. What it holds stays until it is [emptied](Self::empty).
    ///
    /// # Errors
    /// When it cannot be opened for writing.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        // Appending, so that one who truncates it meanwhile (logrotate's copytruncate) leaves no hole.
        let file = OpenOptions::new().append(true).create(true).mode(MODE).open(path)?;
        let about = file.metadata()?;
        let is_regular = about.is_file();
        let place = if is_regular { Place::of(path, &about).ok() } else { None };
        Ok(Self { file, is_regular, place, torn: 0, failed: false })
    }

    /// Empties the file, unless it is a pipe or a device.
    ///
    /// # Errors
    /// When it cannot be emptied.
    pub(super) fn empty(&self) -> io::Result<()> {
        if self.is_regular { self.file.set_len(0) } else { Ok(()) }
    }

    /// Goes on in the file that has the name now. What is there stays.
    ///
    /// # Errors
    /// When there is no such file and none can be made: the one that is open goes on.
    pub(super) fn reopen(&mut self) -> io::Result<()> {
        if self.is_regular {
            let place = self.place.as_ref().ok_or_else(|| io::Error::other("no name leads to it"))?;
            self.file = place.open()?;
            (self.torn, self.failed) = (0, false);
        }
        Ok(())
    }

    /// Cuts half a line off the end: readers of JSON lines trip over it.
    fn cut(&mut self) {
        self.failed = true;
        if self.is_regular
            && let Ok(metadata) = self.file.metadata()
        {
            // If it cannot be cut, the failure itself is reported all the same.
            let _ = self.file.set_len(metadata.len().saturating_sub(self.torn));
        }
    }
}

impl Place {
    /// Place of an open file, links followed.
    fn of(path: &Path, about: &Metadata) -> io::Result<Self> {
        let path = fs::canonicalize(path)?;
        let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(io::ErrorKind::IsADirectory.into());
        };
        let directory =
            rustix::fs::open(directory, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        // Somebody may have led the path elsewhere since.
        let found = statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
        if (found.st_dev, found.st_ino) != (about.dev(), about.ino()) {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(Self { directory, name: name.to_owned() })
    }

    fn open(&self) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::CLOEXEC;
        // A link is refused, and a pipe without a reader is not waited for.
        let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = File::from(openat(&self.directory, &self.name, flags, Mode::from_raw_mode(MODE))?);
        let about = file.metadata()?;
        if !about.is_file() {
            return Err(io::Error::other("it is no regular file"));
        }
        if about.nlink() > 1 {
            return Err(io::Error::other("the file has another name too"));
        }
        Ok(file)
    }
}

impl Write for OutputFile {
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

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    #[test]
    fn a_file_that_can_take_no_more_ends_with_a_whole_line() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut lines = OutputFile::open(file.path()).unwrap();
        lines.write_all(b"one\ntw").unwrap();
        lines.write_all(b"o\nthr").unwrap();
        lines.write_all(b"e").unwrap();
        // As after ENOSPC.
        lines.cut();
        assert_eq!(fs::read_to_string(file.path()).unwrap(), "one\ntwo\n");
        // There is room again, but what comes next is the rest of the third line.
        assert!(lines.write(b"e\n").is_err());
        assert_eq!(fs::read_to_string(file.path()).unwrap(), "one\ntwo\n");
    }

    /// Nothing but a regular file with one name takes the place of the one that was moved away.
    #[test]
    fn it_is_not_led_elsewhere() {
        let dir = tempfile::tempdir().unwrap();
        let [path, old, secret] = ["x.jsonl", "x.jsonl.1", "secret"].map(|name| dir.path().join(name));
        fs::write(&secret, "secret\n").unwrap();
        let mut out = OutputFile::open(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o137, 0);
        fs::rename(&path, &old).unwrap();
        let takes_place: [&dyn Fn(); 4] = [
            &|| symlink(&secret, &path).unwrap(),
            &|| fs::hard_link(&secret, &path).unwrap(),
            &|| assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success()),
            &|| fs::create_dir(&path).unwrap(),
        ];
        for take_place in takes_place {
            take_place();
            assert!(out.reopen().is_err());
            out.write_all(b"line\n").unwrap();
            fs::remove_file(&path).or_else(|_| fs::remove_dir(&path)).unwrap();
        }
        assert_eq!(fs::read_to_string(&old).unwrap(), "line\n".repeat(4));
        assert_eq!(fs::read_to_string(&secret).unwrap(), "secret\n");
        out.reopen().unwrap();
        out.write_all(b"new\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new\n");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o137, 0);
    }

    /// An output that somebody has opened and removed, as a temporary file for standard output: it has no name.
    #[test]
    fn a_file_without_a_name_is_written_to() {
        let file = tempfile::tempfile().unwrap();
        let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file));
        let mut out = OutputFile::open(Path::new(&path)).unwrap();
        out.write_all(b"old\n").unwrap();
        out.empty().unwrap();
        out.write_all(b"one\n").unwrap();
        assert!(out.reopen().is_err());
        out.write_all(b"two\n").unwrap();
        assert_eq!(fs::read_to_string(path).unwrap(), "one\ntwo\n");
    }

    /// The directory is the one that was there, whatever has its name now; a link is followed once.
    #[test]
    fn the_directory_stays_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let [logs, moved, link] = ["logs", "moved", "link"].map(|name| dir.path().join(name));
        fs::create_dir(&logs).unwrap();
        symlink(logs.join("x"), &link).unwrap();
        let mut out = OutputFile::open(&link).unwrap();
        fs::rename(&logs, &moved).unwrap();
        fs::create_dir(&logs).unwrap();
        fs::remove_file(moved.join("x")).unwrap();
        out.reopen().unwrap();
        out.write_all(b"x\n").unwrap();
        assert_eq!(fs::read_to_string(moved.join("x")).unwrap(), "x\n");
        assert_eq!(fs::read_dir(&logs).unwrap().count(), 0);
    }
}
