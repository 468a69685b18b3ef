//! The measurements of one contender, over all rounds.

use super::{contenders::Contender, figures::Values, watcher::Cost};

/// One run of the flood.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) round: u32,
    /// Connections a second.
    pub(super) rate: f64,
    /// The rate divided by the rate without a tracer in the same round.
    pub(super) ratio: f64,
    pub(super) cost: Option<Cost>,
}

/// All runs of one contender.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) contender: Contender,
    pub(super) runs: Vec<Run>,
    /// Time in its BPF programs per state change, in a run of its own.
    pub(super) kernel_ns: Option<f64>,
    /// Number of times that the kernel skipped a program in that run.
    pub(super) misses: Option<u64>,
}

impl Entry {
    /// The values of one thing over all runs.
    pub(super) fn values(&self, of: impl Fn(&Run) -> Option<f64>) -> Values {
        self.runs.iter().filter_map(of).collect()
    }

    /// CPU seconds per million state changes.
    pub(super) fn cpu(&self, changes: f64) -> Values {
        self.values(|run| run.cost.map(|cost| cost.per_million(changes)))
    }

    /// Events that it reports as lost in all runs; `None` if it does not report losses.
    pub(super) fn lost(&self) -> Option<u64> {
        self.runs.iter().map(|run| run.cost?.lost).sum()
    }

    /// Peak memory, MiB.
    pub(super) fn peak(&self) -> Values {
        self.values(|run| Some(run.cost?.peak_rss_kib as f64 / 1024.0))
    }
}
