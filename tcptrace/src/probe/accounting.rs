//! What the kernel side counted, and what the kernel did not let it see.

use std::{fs, os::fd::AsFd as _, os::fd::AsRawFd as _};

use anyhow::{Context as _, Result};
use aya::{
    Pod,
    maps::{MapData, PerCpuArray},
    programs::ProgramFd,
};
use tcptrace_ebpf::Counters;

/// [`Counters`] as aya wants to read them.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(super) struct PodCounters(Counters);

// SAFETY: four u64 in a repr(C) struct: no padding, every bit pattern is valid.
unsafe impl Pod for PodCounters {}

/// Totals over all CPUs since the programs were loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// State changes of TCP sockets.
    pub seen: u64,
    /// Of these, turned away by the filter in the kernel.
    pub filtered: u64,
    /// Of these, lost because the ring buffer was full.
    pub ring_full: u64,
    /// Runs of the program that the kernel skipped, because it interrupted the program itself. Not in `seen`.
    pub recursion: u64,
    /// Notes lost because the ring buffer was full. Not in `seen`.
    pub lost_notes: u64,
}

/// Reads the kernel side's counters.
pub struct Accounting {
    counters: PerCpuArray<MapData, PodCounters>,
    program: ProgramFd,
}

impl Accounting {
    pub(super) fn new(counters: PerCpuArray<MapData, PodCounters>, program: ProgramFd) -> Self {
        Self { counters, program }
    }

    /// The totals now.
    ///
    /// # Errors
    /// When the map cannot be read.
    pub fn read(&self) -> Result<Counted> {
        let mut total = Counted { recursion: self.recursion_misses(), ..Counted::default() };
        let per_cpu = self.counters.get(&0, 0).context("read the kernel side's counters")?;
        for PodCounters(counters) in per_cpu.iter() {
            total.seen += counters.seen;
            total.filtered += counters.filtered;
            total.ring_full += counters.lost;
            total.lost_notes += counters.lost_notes;
        }
        Ok(total)
    }

    /// `recursion_misses` of the program, from its fdinfo (Linux 5.12); 0 where the kernel does not tell.
    fn recursion_misses(&self) -> u64 {
        let path = format!("/proc/self/fdinfo/{}", self.program.as_fd().as_raw_fd());
        fs::read_to_string(path)
            .ok()
            .and_then(|text| {
                let line = text.lines().find_map(|line| line.strip_prefix("recursion_misses:"))?;
                line.trim().parse().ok()
            })
            .unwrap_or(0)
    }
}
