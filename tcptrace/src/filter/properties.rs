//! Properties of every filter: nothing is lost in the stage, and the kernel's part of it hides nothing that ours shows.

use std::collections::HashMap;

use proptest::{collection::vec, prelude::*, sample::subsequence};

use super::{Filter, FilterStage, IpVersion, Match};
use crate::{
    address::Netns,
    event::StateChange,
    record::{Record, SocketId, Transition},
    tcp::TcpState,
    tracker::{
        Tracker,
        tests::{
            model::{Style, world},
            properties::records_of,
        },
    },
};

/// The kernel side's own source, with user space's idea of globals and maps.
#[path = "../../../tcptrace-ebpf/src/programs/filter.rs"]
mod kernel;

/// Stands in for the read-only globals and the port map.
mod globals {
    use std::cell::RefCell;

    use tcptrace_ebpf::{KernelFilter, PORT_WORDS, PortWord};

    type Field = fn(&KernelFilter) -> u32;

    pub(super) struct Fields {
        pub(super) ip_version: Field,
        pub(super) netns: Field,
        pub(super) either_port: Field,
        pub(super) local_port: Field,
        pub(super) remote_port: Field,
        pub(super) lowest_local: Field,
        pub(super) highest_local: Field,
    }

    pub(super) static FILTER: Fields = Fields {
        ip_version: |filter| filter.ip_version,
        netns: |filter| filter.netns,
        either_port: |filter| filter.either_port,
        local_port: |filter| filter.local_port,
        remote_port: |filter| filter.remote_port,
        lowest_local: |filter| filter.lowest_local,
        highest_local: |filter| filter.highest_local,
    };

    thread_local! {
        static SETTINGS: RefCell<KernelFilter> = RefCell::default();
        static WORDS: RefCell<Vec<&'static PortWord>> = const { RefCell::new(Vec::new()) };
    }

    pub(super) fn global(field: &Field) -> u32 {
        SETTINGS.with_borrow(field)
    }

    pub(super) struct Words;
    pub(super) static PORTS: Words = Words;

    impl Words {
        pub(super) fn get(&self, index: u32) -> Option<&'static PortWord> {
            WORDS.with_borrow(|words| words.get(index as usize).copied())
        }
    }

    /// Hands a filter over, as `probe::attach` does.
    pub(super) fn set((filter, ports): (KernelFilter, Vec<(u32, PortWord)>)) {
        static NONE: PortWord = PortWord { either: 0, local: 0, remote: 0 };
        SETTINGS.replace(filter);
        let mut words = vec![&NONE; PORT_WORDS as usize];
        for (index, word) in ports {
            // A few bytes for each case of a test that ends soon.
            words[index as usize] = Box::leak(Box::new(word));
        }
        WORDS.replace(words);
    }
}

fn filter() -> impl Strategy<Value = Filter> {
    let ports = || {
        prop_oneof![
            2 => Just(String::new()),
            1 => subsequence(vec!["80", "81", "4000", "4001-4002"], 1..=2).prop_map(|ports| ports.join(","))
        ]
    };
    let version = prop_oneof![Just(None), Just(Some(IpVersion::V4)), Just(Some(IpVersion::V6))];
    let networks = subsequence(vec!["127.0.0.0/8", "::1/128", "10.0.0.0/8"], 0..=1);
    let netns = prop_oneof![3 => Just(None), 1 => Just(Some(Netns(1)))];
    let states = subsequence(TcpState::ALL.to_vec(), 0..=2);
    let pids = prop_oneof![2 => Just(Vec::new()), 1 => vec(1..4u32, 1)];
    (ports(), ports(), ports(), networks, version, netns, pids, states).prop_map(
        |(either, local, remote, networks, ip_version, netns, pids, states)| Filter {
            ports: parse(&either),
            local_ports: parse(&local),
            remote_ports: parse(&remote),
            networks: networks.iter().map(|network| network.parse().unwrap()).collect(),
            ip_version,
            netns,
            pids,
            children: false,
            uids: Vec::new(),
            comms: Vec::new(),
            cgroups: Vec::new(),
            containers: Vec::new(),
            states,
        },
    )
}

fn parse(ports: &str) -> super::Ports {
    if ports.is_empty() { super::Ports::default() } else { ports.parse().unwrap() }
}

/// Records that get through, how many events were shown and turned away, and how many records waited to the very end.
fn pass(filter: &Filter, most: Option<u64>, records: Vec<Record>) -> (Vec<Record>, [u64; 2], usize) {
    let mut stage = FilterStage::new(filter.clone(), most);
    let mut shown = Vec::new();
    for record in records {
        stage
            .pass(&record, |record| {
                shown.push(record.clone());
                Ok::<_, ()>(())
            })
            .unwrap();
    }
    let waiting = stage.waiting();
    stage.finish();
    (shown, [stage.shown(), stage.filtered()], waiting)
}

/// Clients have their ports from there.
const CLIENTS: (u16, u16) = (4_000, 4_099);

/// Whether the kernel side would let an event through, with the filter it was given.
fn in_kernel(event: &StateChange) -> bool {
    kernel::is_wanted(&kernel::Subject {
        // As the programs see it: a v4-mapped address is IPv4.
        ipv6: event.tuple.local.address.is_ipv6() && event.tuple.remote.address.is_ipv6(),
        local_port: event.tuple.local.port,
        remote_port: event.tuple.remote.port,
        netns: event.netns.map_or(0, |netns| netns.0),
        // Whether it can be read does not depend on the event.
        offered: event.pointer.is_multiple_of(2).then_some(CLIENTS),
    })
}

/// Records that should get through: one whose port is not known yet is judged by the next one of its life that knows.
fn wanted(filter: &Filter, records: &[Record]) -> Vec<Record> {
    let mut later: HashMap<SocketId, Match> = HashMap::new();
    let mut wanted = Vec::new();
    for record in records.iter().rev() {
        let socket = record.subject().unwrap().socket;
        let ends = matches!(record, Record::Orphan(_))
            || matches!(
                record,
                Record::Transition(Transition { to: TcpState::Close | TcpState::TimeWait, .. })
            );
        if ends {
            later.remove(&socket);
        }
        let known = match filter.match_address(record) {
            Match::Undecided => later.get(&socket).copied().unwrap_or(Match::No),
            known => known,
        };
        later.insert(socket, known);
        let own = filter.wants(record) && filter.match_address(record) != Match::No;
        if own && known == Match::Yes {
            wanted.push(record.clone());
        }
    }
    wanted.reverse();
    wanted
}

fn events(told: &[crate::tracker::tests::model::Reported]) -> Vec<StateChange> {
    told.iter().map(|told| told.event.clone()).collect()
}

proptest! {
    #[test]
    fn everything_is_shown_or_filtered(world in world(), filter in filter(), most in prop::option::of(0..20u64)) {
        let events = events(&world.events());
        let records = records_of(&mut Tracker::default(), &events);
        let (told, [shown, filtered], waiting) = pass(&filter, most, records);
        prop_assert_eq!(waiting, 0, "every life has ended");
        prop_assert_eq!(shown + filtered, events.len() as u64);
        prop_assert_eq!(told.len() as u64, shown);
        prop_assert!(most.is_none_or(|most| shown <= most));
    }

    #[test]
    fn what_is_wanted_gets_through(world in world(), filter in filter()) {
        let records = records_of(&mut Tracker::default(), &events(&world.events()));
        let wanted = wanted(&filter, &records);
        let (mut told, ..) = pass(&filter, None, records.clone());
        // What was held back comes late.
        told.sort_by_key(|told| records.iter().position(|record| record == told));
        prop_assert_eq!(told, wanted);
    }

    #[test]
    fn the_kernel_hides_nothing_that_we_would_show(world in world(), filter in filter()) {
        let told = world.events();
        let all = events(&told);
        globals::set(filter.for_kernel());
        let some: Vec<_> = all.iter().filter(|event| in_kernel(event)).cloned().collect();
        let shown = |events: &[StateChange]| -> Vec<_> {
            let (records, ..) = pass(&filter, None, records_of(&mut Tracker::default(), events));
            let without_number = |record: Record| match record {
                Record::Transition(mut step) => {
                    // Numbers go by what is seen.
                    (step.subject.connection, step.since_first_ns) = (None, None);
                    if world.style != Style::Modern {
                        step.subject.socket = SocketId::Serial(0);
                    }
                    Record::Transition(step)
                }
                Record::Orphan(mut orphan) => {
                    (orphan.subject.connection, orphan.since_first_ns) = (None, None);
                    Record::Orphan(orphan)
                }
                record => record,
            };
            records.into_iter().map(without_number).collect()
        };
        prop_assert_eq!(shown(&some), shown(&all));
    }
}
