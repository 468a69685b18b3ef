//! Properties of the table, for any records: nothing shown is missing from the report, and memory has a bound.

use std::collections::HashMap;

use proptest::prelude::*;

use super::{ConnectionTable, Keep, Retain};
use crate::{
    connection::What,
    event::StateChange,
    filter::{Filter, FilterStage},
    record::Record,
    tcp::TcpState,
    tracker::{
        Tracker,
        tests::{
            model::{Fate, World, fates, mangle, world},
            properties::records_of,
        },
    },
};

/// Records that are shown of a trace in which only some ports were asked for, so that some records come late.
fn shown(world: &World, fates: &[Fate], ports: &str) -> Vec<Record> {
    let events: Vec<StateChange> = world.events().into_iter().map(|told| told.event).collect();
    let filter = Filter { ports: ports.parse().unwrap(), ..Filter::default() };
    let mut gate = FilterStage::new(filter, None);
    let mut shown = Vec::new();
    for record in records_of(&mut Tracker::default(), &mangle(&events, fates)) {
        gate.pass(&record, |record| {
            shown.push(record.clone());
            Ok::<_, ()>(())
        })
        .unwrap();
    }
    shown
}

fn keeping(closed: Retain) -> ConnectionTable {
    ConnectionTable::new(Keep { closed, ..Keep::ALL })
}

fn ports() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("1-65535"), Just("4000-4001"), Just("80,4002")]
}

proptest! {
    #[test]
    fn every_step_that_was_shown_is_in_the_report(world in world(), fates in fates(), ports in ports()) {
        let shown = shown(&world, &fates, ports);
        let mut table = keeping(Retain::All);
        let mut steps: HashMap<_, usize> = HashMap::new();
        for record in &shown {
            table.add(record);
            if record.subject().is_some_and(|subject| subject.connection.is_some()) {
                *steps.entry(what(record)).or_default() += 1;
            }
        }
        let histories: Vec<_> = table.latest(Retain::All).collect();
        prop_assert_eq!(table.connections(), histories.len() as u64);
        for history in &histories {
            prop_assert!(history.steps.is_sorted_by_key(|step| step.at.mono_ns), "{history:?}");
            for step in &history.steps {
                let (from, to) = match step.what {
                    What::Changed(from, to, ..) => (from, to),
                    What::Orphaned(state)
                    | What::Existing(state)
                    | What::Retransmitted(state, _)
                    | What::Reset(state, _) => (state, state),
                };
                let key = (step.at.mono_ns, history.sides[step.side].socket, from, to);
                *steps.get_mut(&key).expect("a step that was shown") -= 1;
            }
        }
        prop_assert!(steps.values().all(|left| *left == 0), "{steps:?}");
    }

    #[test]
    fn an_undisturbed_connection_has_its_two_ends_and_no_more(world in world()) {
        let mut table = keeping(Retain::All);
        shown(&world, &[], "1-65535").iter().for_each(|record| drop(table.add(record)));
        for history in table.latest(Retain::All) {
            prop_assert!(matches!(history.sides.len(), 1 | 2), "{history:?}");
            // An orphan is an open end, which the events of these sockets do not close.
            prop_assert!(history.is_over() || history.sides.iter().any(|side| side.orphan), "{history:?}");
            prop_assert!(history.opener().is_some() || history.accepted().is_some());
        }
    }

    #[test]
    fn what_is_over_is_forgotten(world in world(), fates in fates(), most in 0..3usize) {
        let shown = shown(&world, &fates, "1-65535");
        let mut latest = keeping(Retain::Latest(most));
        for record in &shown {
            latest.add(record);
            let (over, open): (Vec<_>, Vec<_>) =
                latest.all().partition(|history| history.is_over());
            prop_assert!(over.len() <= most, "{over:?}");
            // A socket is findable only as long as a record may mention it again.
            let sides: usize = open.iter().map(|history| history.sides.len()).sum();
            prop_assert!(latest.by_socket.len() <= sides, "{:?}", latest.by_socket);
            prop_assert!(latest.closed.len() <= most);
        }
        prop_assert!(latest.latest(Retain::Latest(most)).len() <= most);
    }
}

type Key = (u64, crate::record::SocketId, TcpState, TcpState);

fn what(record: &Record) -> Key {
    match record {
        Record::Transition(step) => (step.at.mono_ns, step.subject.socket, step.from, step.to),
        Record::Orphan(orphan) => (orphan.at.mono_ns, orphan.subject.socket, orphan.state, orphan.state),
        other => panic!("not of the tracker's: {other:?}"),
    }
}
