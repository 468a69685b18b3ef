//! What a process has used so far, from `/proc`.

use anyhow::{Context, Result};
use std::{fs, path::PathBuf, time::Duration};

/// CPU time of all threads of a process that still run: from the scheduler, because `stat` counts in hundredths of a second.
pub(super) fn cpu(pid: u32) -> Result<Duration> {
    let of_thread = |thread: PathBuf| {
        // Nanoseconds on the CPU, nanoseconds in wait of it, times it ran (Documentation/scheduler/sched-stats.rst).
        let text = fs::read_to_string(thread.join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    };
    Ok(Duration::from_nanos(threads(pid)?.filter_map(of_thread).sum()))
}

/// Context switches of all threads of a process, voluntary or not.
pub(super) fn context_switches(pid: u32) -> Result<u64> {
    let of_thread = |thread: PathBuf| {
        let status = fs::read_to_string(thread.join("status")).unwrap_or_default();
        let counts = status.lines().filter_map(|line| line.split_once("ctxt_switches:"));
        counts.filter_map(|(_, count)| count.trim().parse::<u64>().ok()).sum::<u64>()
    };
    Ok(threads(pid)?.map(of_thread).sum())
}

/// Memory in RAM, KiB.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory {
    pub(super) now: u64,
    pub(super) peak: u64,
}

/// Memory of a process.
pub(super) fn memory(pid: u32) -> Result<Memory> {
    let status =
        fs::read_to_string(format!("/proc/{pid}/status")).context("read how much memory the tracer has")?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let line = line.with_context(|| format!("find {name} in /proc/{pid}/status"))?;
        line.trim().trim_end_matches(" kB").parse().with_context(|| format!("read {name}"))
    };
    Ok(Memory { now: field("VmRSS:")?, peak: field("VmHWM:")? })
}

fn threads(pid: u32) -> Result<impl Iterator<Item = PathBuf>> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).context("read the tracer's threads")?;
    Ok(threads.flatten().map(|entry| entry.path()))
}
