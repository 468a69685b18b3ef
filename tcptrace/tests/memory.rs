//! What a trace keeps does not grow with what has passed. By itself, because the memory is that of the whole process.

#[path = "../benches/flood/mod.rs"]
#[expect(dead_code, reason = "each who shares it uses a part")]
mod flood;

use std::path::Path;

use flood::{Flood, How, Way, lives::RECORDS, resident_kib};

fn pass(way: &mut Way, flood: &mut Flood, connections: u64, lose: Option<usize>) {
    for (count, raw) in flood.take((connections * RECORDS) as usize).enumerate() {
        // Not a divisor of what a life has: each kind of record is lost some time.
        if lose.is_none_or(|lose| count % lose != 0) {
            way.take(&raw);
        }
    }
}

#[test]
fn memory_stays_as_it_is_while_connections_pass() {
    for (how, lose) in [(How::Json, None), (How::Text, None), (How::Ladder, None), (How::Json, Some(101))] {
        let mut way = Way::new(how, Path::new("/dev/null"));
        let mut flood = Flood::new(200, 200);
        pass(&mut way, &mut flood, 3_000, lose);
        let (before, open) = (resident_kib(), way.open());
        pass(&mut way, &mut flood, 12_000, lose);
        let grown = resident_kib().saturating_sub(before);
        // 50 bytes of each connection would be more.
        assert!(grown < 600, "{how:?}, one of {lose:?} lost: {grown} KiB more after 12,000 connections");
        // Two ends of those that are open, one of those in TIME_WAIT, the listener; a lost end waits until its place
        // in memory is used again.
        let most = if lose.is_none() { 620 } else { 2 * 408 + 408 + 1 };
        assert!(open <= most && way.open() <= most, "{how:?}, {lose:?}: {open}, then {} sockets", way.open());
    }
}
