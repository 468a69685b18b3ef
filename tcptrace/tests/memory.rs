//! What a trace keeps does not grow with what has passed, and is little for each connection that is open. By itself, because the memory is that of the whole process.

#[path = "../benches/flood/mod.rs"]
#[expect(dead_code, reason = "each who shares it uses a part")]
mod flood;

use std::path::Path;

use flood::{Flood, FloodPipeline, How, lives::RECORDS, resident_kib};

fn pass(pipeline: &mut FloodPipeline, flood: &mut Flood, connections: u64, lose: Option<usize>) {
    for (count, raw) in flood.take((connections * RECORDS) as usize).enumerate() {
        // Not a divisor of what a life has: each kind of record is lost some time.
        if lose.is_none_or(|lose| count % lose != 0) {
            pipeline.take(&raw);
        }
    }
}

/// One after the other: the memory is that of both.
#[test]
fn memory_is_that_of_what_is_open() {
    stays_as_it_is_while_connections_pass();
    is_little_for_each_that_is_open();
}

/// The goal is 64 MiB with 100,000 of them open within this host; 15 are there without any.
fn is_little_for_each_that_is_open() {
    for how in [How::Json, How::Text] {
        // Holes that others have left would hide what this one takes.
        tcptrace::memory::trim_allocator();
        let mut pipeline = FloodPipeline::watching(how, Path::new("/dev/null"));
        let mut flood = Flood::new(60_000, 0);
        let mut open = |connections: u64| {
            while flood.begun() < connections {
                flood.next().iter().for_each(|raw| pipeline.take(raw));
            }
            resident_kib()
        };
        let before = open(10_000);
        let each = open(60_000).saturating_sub(before) * 1024 / 50_000;
        assert!(each < 700, "{how:?}: {each} bytes for each open connection");
    }
}

fn stays_as_it_is_while_connections_pass() {
    for (how, lose) in [(How::Json, None), (How::Text, None), (How::Ladder, None), (How::Json, Some(101))] {
        let mut pipeline = FloodPipeline::watching(how, Path::new("/dev/null"));
        let mut flood = Flood::new(200, 200);
        pass(&mut pipeline, &mut flood, 3_000, lose);
        let (before, open) = (resident_kib(), pipeline.open());
        pass(&mut pipeline, &mut flood, 12_000, lose);
        let grown = resident_kib().saturating_sub(before);
        // 50 bytes of each connection would be more.
        assert!(grown < 600, "{how:?}, one of {lose:?} lost: {grown} KiB more after 12,000 connections");
        // Two ends of those that are open, one of those in TIME_WAIT, the listener; a lost end waits until its place
        // in memory is used again.
        let most = if lose.is_none() { 620 } else { 2 * 408 + 408 + 1 };
        assert!(
            open <= most && pipeline.open() <= most,
            "{how:?}, {lose:?}: {open}, then {} sockets",
            pipeline.open()
        );
    }
}
