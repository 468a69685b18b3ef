//! The BPF programs that a process has open, and what the kernel counted of their runs.

use anyhow::{Context, Result};
use std::{collections::BTreeMap, fs, ops::Sub};

const SWITCH: &str = "/proc/sys/kernel/bpf_stats_enabled";

/// Runs of all programs together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Runs {
    pub(super) time_ns: u64,
    /// Runs that the kernel left out, because the program was to run nested in itself.
    pub(super) misses: u64,
}

impl Sub for Runs {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self { time_ns: self.time_ns - earlier.time_ns, misses: self.misses - earlier.misses }
    }
}

/// Counts of each program, by its number: one may be open under several descriptors.
fn programs(pid: u32) -> BTreeMap<u64, Runs> {
    let mut programs = BTreeMap::new();
    for entry in fs::read_dir(format!("/proc/{pid}/fdinfo")).into_iter().flatten().flatten() {
        let info = fs::read_to_string(entry.path()).unwrap_or_default();
        let number = |key: &str| {
            info.lines().find_map(|line| line.strip_prefix(key)?.trim().parse::<u64>().ok()).unwrap_or(0)
        };
        // Links name their program too, and count nothing.
        if info.contains("prog_type:") {
            let runs = Runs { time_ns: number("run_time_ns:"), misses: number("recursion_misses:") };
            programs.insert(number("prog_id:"), runs);
        }
    }
    programs
}

/// Whether it has loaded any.
pub(super) fn has_any(pid: u32) -> bool {
    !programs(pid).is_empty()
}

/// The sum over its programs.
pub(super) fn runs(pid: u32) -> Runs {
    programs(pid).into_values().fold(Runs::default(), |sum, each| Runs {
        time_ns: sum.time_ns + each.time_ns,
        misses: sum.misses + each.misses,
    })
}

/// Does something while the kernel measures the runs of all programs, which costs time itself.
pub(super) fn while_counted<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    let before = fs::read_to_string(SWITCH).with_context(|| format!("read {SWITCH}"))?;
    fs::write(SWITCH, "1").with_context(|| format!("write to {SWITCH}"))?;
    let done = work();
    fs::write(SWITCH, before.trim()).with_context(|| format!("restore {SWITCH}"))?;
    done
}
