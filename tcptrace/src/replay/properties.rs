//! What holds for whatever recordings are merged: the order of time, nothing lost, and the same again.

use std::collections::{HashMap, HashSet};

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
    std::iter::from_fn(|| merge.read_record().unwrap()).collect()
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

/// One connection between two hosts: when it begins after the last one, how long it lasts, how long its minisocket stays,
/// whether it has the ports of the last one again, and which of the hosts recorded it.
#[derive(Clone, Debug)]
struct Meeting {
    after_s: u64,
    lasts_s: u64,
    lingers_s: u64,
    same_ports: bool,
    seen_by: [bool; 2],
}

fn meetings() -> impl Strategy<Value = Vec<Meeting>> {
    let gap = || prop_oneof![0..5_u64, 50..200_u64, 3_000..20_000_u64];
    let seen = prop_oneof![3 => Just([true; 2]), 1 => Just([true, false]), 1 => Just([false, true])];
    let meeting = (gap(), gap(), 0..110_u64, any::<bool>(), seen);
    let meeting = meeting.prop_map(|(after_s, lasts_s, lingers_s, same_ports, seen_by)| Meeting {
        after_s,
        lasts_s,
        lingers_s,
        same_ports,
        seen_by,
    });
    vec(meeting, 1..60)
}

const SECOND: u64 = 1_000_000_000;

/// What each host records, the server's clock `skew` ahead. The cookies and numbers are the place of the meeting, from 1 on.
fn recordings(meetings: &[Meeting], skew: i64) -> [Vec<Record>; 2] {
    use TcpState::{Close, CloseWait, Established, FinWait1, LastAck, Listen, SynRecv, SynSent, TimeWait};
    let mut hosts = [Vec::new(), Vec::new()];
    let (mut begin, mut port) = (SECOND, 1_000);
    for (number, meeting) in (1_u64..).zip(meetings) {
        // The ports are free again when nothing is left of the last connection, and 5 s later the clocks agree on that.
        begin += (meeting.after_s + 5) * SECOND;
        port += u16::from(!meeting.same_ports);
        let [open, half, over] = [1, meeting.lasts_s * SECOND + 2, meeting.lasts_s * SECOND + 3];
        let gone = over + meeting.lingers_s * SECOND;
        let client = [
            (0, Close, SynSent),
            (open, SynSent, Established),
            (half, Established, FinWait1),
            (over, FinWait1, TimeWait),
            (gone, TimeWait, Close),
        ];
        let server = [
            (0, Listen, SynRecv),
            (open, SynRecv, Established),
            (half, Established, CloseWait),
            (half, CloseWait, LastAck),
            (over, LastAck, Close),
        ];
        let end =
            |host: u8| Endpoint { address: [10, 0, 0, host].into(), port: if host == 1 { port } else { 80 } };
        for (host, steps) in
            [client, server].into_iter().enumerate().filter(|(host, _)| meeting.seen_by[*host])
        {
            let tuple = if host == 0 { [1, 2] } else { [2, 1] }.map(end);
            for (offset, from, to) in steps {
                let mono_ns = begin + offset;
                let ahead = if host == 1 { skew } else { 0 };
                hosts[host].push(Record::Transition(Transition {
                    at: Moment {
                        mono_ns,
                        wall_ns: 1_000 * SECOND.cast_signed() + mono_ns.cast_signed() + ahead,
                    },
                    subject: Subject {
                        socket: SocketId::Cookie(number),
                        connection: Some(ConnectionId(number)),
                        netns: None,
                        tuple: Tuple { local: tuple[0], remote: tuple[1] },
                        owner: None,
                        cgroup: None,
                    },
                    from,
                    to,
                    in_from_ns: None,
                    since_first_ns: Some(offset),
                    context: None,
                    cause: None,
                    numbers: None,
                }));
            }
        }
        begin += gone;
    }
    hosts.iter_mut().for_each(|records| records.sort_by_key(|record| record.at().mono_ns));
    hosts
}

proptest! {
    #[test]
    fn each_connection_has_one_number_however_far_apart_they_are(
        meetings in meetings(),
        skew in -900_000_000..900_000_000_i64,
    ) {
        let lines = recordings(&meetings, skew).map(|records| written(&records));
        let mut merge = Merge::new(lines.iter().map(Vec::as_slice));
        let mut numbers = HashMap::<u64, HashSet<ConnectionId>>::new();
        let mut firsts = HashMap::<u64, HashSet<u64>>::new();
        while let Some(record) = merge.read_record().unwrap() {
            let Record::Transition(step) = &record else { panic!("{record:?}") };
            let SocketId::Cookie(cookie) = step.subject.socket else { panic!("{record:?}") };
            let meeting = cookie & !(0xff << 56);
            numbers.entry(meeting).or_default().insert(step.subject.connection.unwrap());
            // Both hosts count from the same moment.
            firsts.entry(meeting).or_default().insert(step.at.mono_ns - step.since_first_ns.unwrap());
        }
        prop_assert!(numbers.values().all(|numbers| numbers.len() == 1), "{numbers:?}");
        prop_assert!(firsts.values().all(|firsts| firsts.len() == 1), "{firsts:?}");
        let different: HashSet<_> = numbers.values().flatten().collect();
        prop_assert_eq!(different.len(), numbers.len());
        prop_assert_eq!(numbers.len(), meetings.len());
    }
}

/// Most of a day, one connection a minute.
#[test]
fn what_is_over_is_forgotten() {
    let meeting = Meeting { after_s: 55, lasts_s: 0, lingers_s: 0, same_ports: false, seen_by: [true; 2] };
    let mut seen_by = [[true; 2], [true, false], [false, true]].into_iter().cycle();
    let meetings: Vec<_> =
        (0..1_000).map(|_| Meeting { seen_by: seen_by.next().unwrap(), ..meeting.clone() }).collect();
    let lines = recordings(&meetings, 0).map(|records| written(&records));
    let mut merge = Merge::new(lines.iter().map(Vec::as_slice));
    let mut most = 0;
    while merge.read_record().unwrap().is_some() {
        most = most.max(merge.remembered());
    }
    // Records are read 1,024 ahead, five of a connection; and then those of two minutes.
    assert!(most <= 2 * (1_024 / 5 + 1) + 2 * 4, "{most} remembered");
    assert!(merge.remembered() <= 8, "{} remembered", merge.remembered());
}
