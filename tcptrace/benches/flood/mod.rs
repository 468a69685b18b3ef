//! A flood that nobody has to make: the records of whole lives as the kernel side sends them, and the pipeline that
//! follows them. What measures it and what tests it share this.

pub mod lives;
pub mod pipeline;

pub use lives::{Flood, Raw};
pub use pipeline::{FloodPipeline, How};

/// Resident memory of this process, in KiB.
pub fn resident_kib() -> u64 {
    let statm = procfs::process::Process::myself().and_then(|me| me.statm()).expect("/proc is mounted");
    statm.resident * procfs::page_size() / 1024
}
