//! What the kernel side counted, and what the kernel did not let it see.

use std::{fs, os::fd::AsFd as _, os::fd::AsRawFd as _};

use anyhow::{Context as _, Result};
use aya::{
    maps::{MapData, PerCpuArray},
    programs::ProgramFd,
};
use tcptrace_ebpf::Counters;
use zerocopy::transmute;

use crate::session::Counted;

/// [`Counters`] as the map holds them.
pub(super) type RawCounters = [u8; size_of::<Counters>()];

/// Index of the counters of the outer programs.
const OUTER: u32 = 0;
/// Index of the counters of the program that runs nested in the first of them.
const NESTED: u32 = 1;

/// Reads the kernel side's counters.
pub struct Accounting {
    counters: PerCpuArray<MapData, RawCounters>,
    program: ProgramFd,
    /// The programs that record socket events, forks and accepts.
    others: Vec<ProgramFd>,
}

impl Accounting {
    pub(super) fn new(
        counters: PerCpuArray<MapData, RawCounters>,
        program: ProgramFd,
        others: Vec<ProgramFd>,
    ) -> Self {
        Self { counters, program, others }
    }

    /// The totals now.
    ///
    /// # Errors
    /// When the map cannot be read.
    pub fn read(&self) -> Result<Counted> {
        // Before the counters: what is made good in between must not look like a loss.
        let skipped = recursion_misses(&self.program);
        let others_skipped: u64 = self.others.iter().map(recursion_misses).sum();
        let mut total = Counted::default();
        for (index, nested) in [(OUTER, false), (NESTED, true)] {
            self.each_cpu(index, |counters| {
                total.seen += counters.seen;
                total.filtered += counters.filtered;
                total.ring_full += counters.lost;
                total.lost_notes += counters.lost_socket_events;
                total.inside += if nested { counters.runs } else { 0 };
            })?;
        }
        total.recursion = skipped.saturating_sub(total.inside) + others_skipped;
        Ok(total)
    }

    /// Number of socket events, forks and accepts lost so far: cheap enough to ask at every batch.
    ///
    /// # Errors
    /// When the map cannot be read.
    pub fn lost_notes(&self) -> Result<u64> {
        let mut lost = 0;
        self.each_cpu(OUTER, |counters| lost += counters.lost_socket_events)?;
        Ok(lost)
    }

    fn each_cpu(&self, index: u32, mut each: impl FnMut(Counters)) -> Result<()> {
        let per_cpu = self.counters.get(&index, 0).context("read the kernel side's counters")?;
        per_cpu.iter().for_each(|raw| each(transmute!(*raw)));
        Ok(())
    }
}

/// `recursion_misses` of a program, from its fdinfo (Linux 5.12); 0 where the kernel does not say.
fn recursion_misses(program: &ProgramFd) -> u64 {
    let path = format!("/proc/self/fdinfo/{}", program.as_fd().as_raw_fd());
    fs::read_to_string(path)
        .ok()
        .and_then(|text| {
            let line = text.lines().find_map(|line| line.strip_prefix("recursion_misses:"))?;
            line.trim().parse().ok()
        })
        .unwrap_or(0)
}
