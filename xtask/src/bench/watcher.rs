//! A contender that runs: how we know that it has attached and that it has caught up, and what it used in between.

use super::{contenders::Contender, programs, usage};
use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs::{self, File},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// Longest time that a tracer may take to attach, or to catch up.
const PATIENCE: Duration = Duration::from_secs(30);

/// Interval in which a tracer at rest uses less CPU than `A_LITTLE`: one that polls is never without work.
const A_WHILE: Duration = Duration::from_millis(250);
const A_LITTLE: Duration = Duration::from_millis(2);

/// A tracer that runs, its output in a file in memory where there is such a place.
pub(super) struct Watcher {
    contender: Contender,
    child: Child,
    output: TempDir,
    at_attach: Duration,
}

/// Resources that a tracer used for one flood, and its output.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    /// CPU time from the moment it was attached.
    pub(super) cpu: Duration,
    pub(super) peak_rss_kib: u64,
    pub(super) lost: Option<u64>,
    pub(super) lines: usize,
}

impl Cost {
    /// CPU seconds per million state changes, given their number.
    pub(super) fn per_million(&self, changes: f64) -> f64 {
        self.cpu.as_secs_f64() / changes * 1e6
    }
}

impl Watcher {
    /// Starts a contender, and returns once it has attached and listed what was there; nothing if it is no tracer.
    pub(super) fn start(contender: &Contender) -> Result<Option<Self>> {
        let Some(program) = &contender.program else { return Ok(None) };
        let memory = Path::new("/dev/shm");
        let output = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() };
        let output = output.context("make a directory for the tracer's output")?;
        let file = |name: &str| {
            File::create(output.path().join(name)).context("make a file for the tracer's output")
        };
        let child = Command::new(program)
            .args(contender.arguments)
            .stdin(Stdio::null())
            .stdout(file("out")?)
            .stderr(file("err")?)
            .spawn()
            .with_context(|| format!("start {}", contender.name))?;
        let mut watcher =
            Self { contender: contender.clone(), child, output, at_attach: Duration::default() };
        let deadline = Instant::now() + PATIENCE;
        while !programs::has_any(watcher.pid()) {
            let over = watcher.child.try_wait().context("look after the tracer")?.is_some();
            if over || Instant::now() > deadline {
                bail!("{} did not attach: {}", contender.name, watcher.read("err").trim());
            }
            thread::sleep(Duration::from_millis(20));
        }
        watcher.at_attach = watcher.rest()?;
        Ok(Some(watcher))
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it has nothing to do; its CPU time when it began to rest.
    pub(super) fn rest(&self) -> Result<Duration> {
        let deadline = Instant::now() + PATIENCE;
        let mut before = usage::cpu(self.pid())?;
        loop {
            thread::sleep(A_WHILE);
            let now = usage::cpu(self.pid())?;
            if now.saturating_sub(before) < A_LITTLE {
                return Ok(before);
            }
            if Instant::now() > deadline {
                bail!("{} is still busy after {PATIENCE:?}", self.contender.name);
            }
            before = now;
        }
    }

    /// Lets it catch up, then ends it.
    pub(super) fn stop(mut self) -> Result<Cost> {
        // What is in its buffer belongs to the flood too; its report does not.
        let cpu = self.rest()?.saturating_sub(self.at_attach);
        let peak_rss_kib = usage::memory(self.pid())?.peak;
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw).context("name the tracer")?;
        kill_process(pid, Signal::INT).context("end the tracer")?;
        self.child.wait().context("wait for the tracer")?;
        let (out, err) = (self.read("out"), self.read("err"));
        let lost = self.contender.lost(&out, &err);
        Ok(Cost { cpu, peak_rss_kib, lost, lines: out.lines().count() })
    }

    fn read(&self, name: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.output.path().join(name)).unwrap_or_default()).into_owned()
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // Fails only if it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
