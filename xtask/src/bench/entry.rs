//! What was measured of one contender, over all rounds.

use super::{contenders::Contender, figures::Values, watcher::Cost};

/// One run of the flood.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) round: u32,
    /// Connections a second.
    pub(super) rate: f64,
    /// That, divided by the rate without a tracer in the same round.
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
    /// Of that run: how often the kernel left a program out.
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

    /// What it says that it lost in all runs; nothing if it says nothing of it.
    pub(super) fn lost(&self) -> Option<u64> {
        self.runs.iter().map(|run| run.cost?.lost).sum()
    }

    /// Peak memory, MiB.
    pub(super) fn peak(&self) -> Values {
        self.values(|run| Some(run.cost?.peak_rss_kib as f64 / 1024.0))
    }
}
