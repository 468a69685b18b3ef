//! Recordings: what was written reads back the same, and nothing good is lost next to what is bad.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[path = "../schema/arbitrary.rs"]
#[expect(dead_code, reason = "each file of tests uses its part")]
mod arbitrary;
mod damaged;
mod newer;

use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;
use tcptrace::{
    record::Record,
    recording::{Item, Reader, SkippedReport, write},
};

/// Records as JSON lines.
fn lines(records: &[Record]) -> Vec<u8> {
    let mut out = Vec::new();
    records.iter().for_each(|record| write(&mut out, record).unwrap());
    out
}

/// Reads a recording: its records, the number of lines that could not be read, and what was skipped.
fn read(bytes: &[u8]) -> (Vec<Record>, u64, SkippedReport) {
    let mut reader = Reader::new(bytes);
    let (mut records, mut gaps) = (Vec::new(), 0);
    for item in &mut reader {
        match item.unwrap() {
            Item::Record(record) => records.push(record),
            Item::Gap(lines) => gaps += lines,
            Item::Skipped => {}
        }
    }
    assert_eq!(gaps, reader.skipped.lines);
    (records, gaps, reader.skipped)
}

/// An IPv4 socket that has no other end says so, and nothing of the family that the kernel has for nobody.
fn as_written(mut record: Record) -> Record {
    if let Some(subject) = record.subject_mut() {
        let tuple = &mut subject.tuple;
        if tuple.local.address.is_ipv4() && !tuple.remote.is_set() && tuple.remote.address.is_unspecified() {
            tuple.remote.address = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        }
    }
    record
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_was_written_reads_back_the_same(record in arbitrary::record()) {
        prop_assume!(!matches!(record, Record::Connection(_)));
        let line = lines(std::slice::from_ref(&record));
        let (back, gaps, skipped) = read(&line);
        prop_assert_eq!((gaps, skipped), (0, SkippedReport::default()));
        prop_assert_eq!(lines(&back), line);
        prop_assert_eq!(back, [as_written(record)]);
    }
}
