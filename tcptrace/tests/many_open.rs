//! However many connections are open: each is told to its end, and an event costs the same.

#[path = "../benches/flood/mod.rs"]
#[expect(dead_code, reason = "each who shares it uses a part")]
mod flood;

use std::{fs, path::Path};

use flood::{Flood, FloodPipeline, How};
use rustix::time::{ClockId, clock_gettime};

/// Time that this thread had a processor, nanoseconds: a busy machine does not count.
fn spent() -> i128 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    i128::from(now.tv_sec) * 1_000_000_000 + i128::from(now.tv_nsec)
}

#[test]
fn nothing_that_is_open_is_forgotten() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("trace.jsonl");
    let mut pipeline = FloodPipeline::new(How::Json, &path);
    let mut flood = Flood::new(2_000, 500);
    while flood.begun() < 6_000 {
        pipeline.take(&flood.next().unwrap());
    }
    let (events, told) = (pipeline.events, pipeline.finish());
    assert!(told.shown >= events && told.filtered == 0, "{events} events: {told:?}");
    let text = fs::read_to_string(&path).unwrap();
    let verdicts: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|line: &serde_json::Value| line["type"] == "connection")
        .collect();
    assert_eq!(verdicts.len(), 6_000);
    let over = verdicts.iter().filter(|summary| summary["open"] == false);
    // The 4,000th is about to end.
    assert_eq!(over.filter(|summary| summary["ended"] == "in_order").count(), 3_999);
    assert!(verdicts.iter().all(|summary| summary["completeness"] == "whole"), "{:?}", verdicts[0]);
    assert!(verdicts.iter().all(|summary| summary["ends"].as_array().unwrap().len() == 2));
}

#[test]
fn an_event_costs_the_same_however_many_connections_are_open() {
    let cost = |how: How, open: u64| {
        let mut pipeline = FloodPipeline::watching(how, Path::new("/dev/null"));
        let mut flood = Flood::new(open, 0);
        while flood.begun() < open + 100 {
            pipeline.take(&flood.next().unwrap());
        }
        let records: Vec<_> = flood.take(20_000).collect();
        let before = spent();
        records.iter().for_each(|raw| pipeline.take(raw));
        spent() - before
    };
    for how in [How::Json, How::Text, How::Ladder] {
        let (few, many) = (cost(how, 250), cost(how, 20_000));
        // Eighty times as many: a cache that misses doubles it, a walk through them all makes it fifty times as much.
        assert!(many < 6 * few, "{how:?}: {few} ns with 250 connections open, {many} ns with 20,000");
    }
}
