//! tcptrace with its JSON lines read from a pipe, as a consumer would, and when each line arrived.

use super::contenders;
use anyhow::{Context, Result, bail};
use rustix::{
    process::{Pid, Signal, kill_process},
    time::{ClockId, clock_gettime},
};
use serde_json::Value;
use std::{
    io::{self, Read},
    process::{Child, ChildStdout, Command, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// Longest wait for a line.
const PATIENCE: Duration = Duration::from_secs(60);

/// Bytes that were read, and when each read was over.
#[derive(Debug, Default)]
struct Reads {
    /// The time, and how many bytes there were then.
    ends: Vec<(u64, usize)>,
    bytes: Vec<u8>,
}

/// A record, and when its line was there to be read.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) record: Value,
    /// `CLOCK_MONOTONIC`, nanoseconds, as in the records.
    pub(super) read_ns: u64,
}

/// A trace whose output is read.
pub(super) struct Piped {
    child: Child,
    reads: Arc<Mutex<Reads>>,
    reader: Option<JoinHandle<io::Result<()>>>,
    /// The moment before it was started.
    pub(super) begun_ns: u64,
}

impl Piped {
    /// Starts a trace of this thread's network namespace.
    pub(super) fn start() -> Result<Self> {
        let begun_ns = now();
        let mut child = Command::new(contenders::tcptrace())
            .args(["--format", "json", "--netns", "self"])
            // What it could not look at on this host is not what is measured.
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("start tcptrace")?;
        let out = child.stdout.take().context("take its output")?;
        let reads = Arc::new(Mutex::new(Reads::default()));
        let into = Arc::clone(&reads);
        let reader = thread::spawn(move || read(out, &into));
        Ok(Self { child, reads, reader: Some(reader), begun_ns })
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until there are as many lines.
    pub(super) fn wait_for(&mut self, lines: usize) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let have = lock(&self.reads).bytes.iter().filter(|byte| **byte == b'\n').count();
            if have >= lines {
                return Ok(());
            }
            if Instant::now() > deadline || self.child.try_wait().context("look after tcptrace")?.is_some() {
                bail!("tcptrace wrote {have} lines instead of {lines}");
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Ends the trace; returns the lines that it wrote.
    pub(super) fn stop(mut self) -> Result<Vec<Line>> {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw).context("name tcptrace")?;
        kill_process(pid, Signal::INT).context("end tcptrace")?;
        if let Some(reader) = self.reader.take() {
            reader.join().ok().context("end its reader")?.context("read from tcptrace")?;
        }
        lines(&lock(&self.reads))
    }
}

impl Drop for Piped {
    fn drop(&mut self) {
        // Fails only if it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(mut out: ChildStdout, into: &Mutex<Reads>) -> io::Result<()> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let count = out.read(&mut buffer)?;
        let at = now();
        if count == 0 {
            return Ok(());
        }
        let mut reads = lock(into);
        reads.bytes.extend_from_slice(&buffer[..count]);
        let length = reads.bytes.len();
        reads.ends.push((at, length));
    }
}

/// The lines, each with the time of the read that brought its end.
fn lines(reads: &Reads) -> Result<Vec<Line>> {
    let mut ends = reads.ends.iter().copied().peekable();
    let (mut lines, mut length) = (Vec::new(), 0);
    for line in reads.bytes.split_inclusive(|byte| *byte == b'\n') {
        length += line.len();
        while ends.next_if(|(_, bytes)| *bytes < length).is_some() {}
        let read_ns = ends.peek().context("find when a line was read")?.0;
        lines.push(Line { record: serde_json::from_slice(line).context("read a record")?, read_ns });
    }
    Ok(lines)
}

fn lock(reads: &Mutex<Reads>) -> MutexGuard<'_, Reads> {
    // Nothing in here is half done when a thread panics.
    reads.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `CLOCK_MONOTONIC`, nanoseconds.
fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_was_read_when_its_end_was() {
        let reads = Reads { ends: vec![(7, 3), (8, 4), (9, 10)], bytes: b"{}\n1\n22\n3\n".to_vec() };
        let times: Vec<_> = lines(&reads).unwrap().iter().map(|line| line.read_ns).collect();
        assert_eq!(times, [7, 9, 9, 9]);
    }
}
