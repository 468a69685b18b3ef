//! What holds for whatever recordings are merged: the order of time, nothing lost, and the same again.

use proptest::{collection::vec, prelude::*};

use super::Merge;
use crate::{
    address::{Endpoint, Tuple},
    record::{ConnectionId, Record, SocketId, Subject, Transition},
    recording::write,
    tcp::TcpState,
    time::Moment,
};

/// One host: its clock's distance from the wall clock, and its events, by the time after the last one.
type Host = (i64, Vec<(u64, u64)>);

fn hosts(how_many: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Host>> {
    vec((0..1_000_000_i64, vec((0..50_u64, 1..6_u64), 0..40)), how_many)
}

fn records((distance, events): &Host, host: usize) -> Vec<Record> {
    let mut mono_ns = 1;
    let event = |(after, socket): &(u64, u64)| {
        mono_ns += after;
        let end = |number| Endpoint { address: [10, 0, 0, number].into(), port: 80 + u16::from(number) };
        let [own, other] = if host == 0 { [1, 2] } else { [2, 1] };
        Record::Transition(Transition {
            at: Moment { mono_ns, wall_ns: distance + mono_ns.cast_signed() },
            subject: Subject {
                socket: SocketId::Cookie(*socket),
                connection: Some(ConnectionId(*socket)),
                netns: None,
                tuple: Tuple { local: end(own), remote: end(other) },
                owner: None,
                cgroup: None,
            },
            from: TcpState::Established,
            to: TcpState::CloseWait,
            in_from_ns: None,
            since_first_ns: None,
            context: None,
            cause: None,
            numbers: None,
        })
    };
    events.iter().map(event).collect()
}

fn written(records: &[Record]) -> Vec<u8> {
    let mut lines = Vec::new();
    records.iter().for_each(|record| write(&mut lines, record).unwrap());
    lines
}

fn merged(recordings: &[Vec<u8>]) -> Vec<Record> {
    let mut merge = Merge::new(recordings.iter().map(Vec::as_slice));
    std::iter::from_fn(|| merge.read().unwrap()).collect()
}

/// What a merge must not change: when by the wall clock, and which socket of which host.
fn essence(records: &[Record]) -> Vec<(i64, u64)> {
    let essence = |record: &Record| match record.subject().map(|subject| subject.socket) {
        Some(SocketId::Cookie(cookie)) => (record.at().wall_ns, cookie),
        other => panic!("{other:?}"),
    };
    records.iter().map(essence).collect()
}

proptest! {
    #[test]
    fn several_hosts_are_told_in_the_order_of_time_and_nothing_is_lost(hosts in hosts(2..4)) {
        let all: Vec<_> = hosts.iter().enumerate().map(|(index, host)| records(host, index)).collect();
        let merged = merged(&all.iter().map(|records| written(records)).collect::<Vec<_>>());
        prop_assert!(merged.is_sorted_by_key(|record| record.at().wall_ns));
        prop_assert!(merged.is_sorted_by_key(|record| record.at().mono_ns));
        for (index, records) in all.iter().enumerate() {
            let of_host: Vec<_> = essence(&merged)
                .into_iter()
                .filter(|(_, socket)| socket >> 56 == index as u64)
                .map(|(at, socket)| (at, socket & !(0xff << 56)))
                .collect();
            // Each host's own order too.
            prop_assert_eq!(of_host, essence(records));
        }
        prop_assert_eq!(merged.len(), all.iter().map(Vec::len).sum::<usize>());
        // The merged story is a recording like any other.
        prop_assert_eq!(self::merged(&[written(&merged)]), merged);
    }

    #[test]
    fn one_recording_is_told_as_it_is(hosts in hosts(1..2)) {
        let records = records(&hosts[0], 0);
        prop_assert_eq!(merged(&[written(&records)]), records);
    }
}
