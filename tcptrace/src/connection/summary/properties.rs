//! Properties of every summary, whatever was emitted, lost, repeated or late.

use std::collections::HashSet;

use proptest::{collection, prelude::*, sample};

use crate::{
    connection::{ConnectionHistory, ConnectionTable, Keep, Retain},
    event::StateChange,
    filter::{Filter, FilterStage},
    record::{
        Completeness, ConnectionEnd, ConnectionSummary, Outcome, Record, Reset, Retransmit, Transition,
    },
    tcp::TcpState,
    time::Moment,
    tracker::{
        Tracker,
        tests::{
            model::{Fate, World, fates, mangle, world},
            properties::records_of,
        },
    },
};

const END: Moment = Moment { mono_ns: u64::MAX / 4, wall_ns: 0 };

/// Summaries of what is emitted: of connections when they are over, and of those that are open at the end.
fn verdicts(world: &World, fates: &[Fate]) -> (Vec<Record>, Vec<ConnectionSummary>) {
    let events: Vec<StateChange> = world.events().into_iter().map(|told| told.event).collect();
    let told = records_of(&mut Tracker::default(), &mangle(&events, fates));
    let mut table = ConnectionTable::new(Keep { open: true, ..Keep::default() });
    let mut verdicts = Vec::new();
    for record in &told {
        let closed = table.add(record);
        verdicts.extend(closed.and_then(|history| ConnectionSummary::on(&history, None)));
    }
    verdicts.extend(table.open().filter_map(|history| ConnectionSummary::on(&history, Some(END))));
    (told, verdicts)
}

/// Whether the parts fit together.
fn is_sound(summary: &ConnectionSummary) -> bool {
    let is_end = |end: Option<usize>| end.is_none_or(|end| end < summary.ends.len());
    let by = match summary.outcome {
        Some(Outcome::Reset { by }) => by,
        _ => None,
    };
    let fits = |part: Option<u64>| part.is_none_or(|part| summary.lasted_ns.is_none_or(|all| part <= all));
    matches!(summary.ends.len(), 1 | 2)
        && [summary.opener, summary.closed_first, by].into_iter().all(is_end)
        && [summary.established_ns, summary.half_closed_ns, summary.teardown_ns].into_iter().all(fits)
        && summary.ends.iter().filter_map(|end| end.handshake_ns).all(|ns| fits(Some(ns)))
        && !(summary.open && (summary.outcome.is_some() || summary.teardown_ns.is_some()))
        && summary.ends.iter().any(|end| end.socket.is_some())
}

fn is_over(end: &ConnectionEnd) -> bool {
    end.state.is_none_or(|state| matches!(state, TcpState::Close | TcpState::TimeWait))
}

proptest! {
    #[test]
    fn the_parts_fit_together(world in world(), fates in fates()) {
        for summary in verdicts(&world, &fates).1 {
            prop_assert!(is_sound(&summary), "{summary:?}");
        }
    }

    #[test]
    fn what_is_over_has_ends_that_are_over(world in world(), fates in fates()) {
        for summary in verdicts(&world, &fates).1.iter().filter(|summary| !summary.open) {
            prop_assert!(summary.ends.iter().all(is_over), "{summary:?}");
        }
    }

    /// Undisturbed, each connection is judged once, and none is said to have missed events. One whose two numbers became one
    /// may be judged by halves: the other end says so only with its next step.
    #[test]
    fn each_connection_has_one_verdict(world in world()) {
        let (told, verdicts) = verdicts(&world, &[]);
        let subjects = told.iter().filter_map(Record::subject);
        let numbers: HashSet<_> =
            subjects.filter_map(|subject| Some((subject.socket, subject.tuple, subject.connection?))).collect();
        let lives: HashSet<_> = numbers.iter().map(|(socket, tuple, _)| (socket, tuple.remote)).collect();
        prop_assume!(lives.len() == numbers.iter().map(|(socket, _, id)| (socket, id)).collect::<HashSet<_>>().len());
        let judged: HashSet<_> = verdicts.iter().map(|summary| summary.connection).collect();
        prop_assert_eq!(judged.len(), verdicts.len(), "{:?}", verdicts);
        prop_assert_eq!(judged, numbers.iter().map(|(.., id)| *id).collect());
        for summary in &verdicts {
            prop_assert!(summary.completeness != Completeness::LostEvents, "{summary:?}");
        }
    }
}

/// Summaries of what a filter of states lets through.
fn filtered(records: &[Record], states: Vec<TcpState>) -> Vec<ConnectionSummary> {
    let mut stage = FilterStage::new(Filter { states, ..Filter::default() }, None);
    let mut table = ConnectionTable::new(Keep::ALL);
    for record in records {
        stage
            .pass(record, |record| {
                table.add(record);
                Ok::<_, ()>(())
            })
            .unwrap();
    }
    table.latest(Retain::All).filter_map(|history| ConnectionSummary::on(&history, Some(END))).collect()
}

proptest! {
    /// The trace saw the beginning of every socket that is not lost, and so whatever is not here was turned away.
    #[test]
    fn what_a_filter_left_out_is_filtered(
        world in world(),
        states in sample::subsequence(TcpState::ALL.to_vec(), 1..TcpState::ALL.len()),
    ) {
        let told = verdicts(&world, &[]).0;
        for summary in filtered(&told, states) {
            prop_assert!(summary.completeness != Completeness::JoinedMidway, "{summary:?}");
        }
    }

    /// Keeping or dropping single segments changes no summary.
    #[test]
    fn segments_change_no_summary(
        world in world(),
        segments in collection::vec((any::<sample::Index>(), any::<bool>()), 0..20),
    ) {
        let mut told = verdicts(&world, &[]).0;
        for (place, is_reset) in segments {
            let place = place.index(told.len().max(1));
            let Some(segment) = told.get(place).and_then(|record| segment_beside(record, is_reset)) else {
                continue;
            };
            told.insert(place, segment);
        }
        let mut table = ConnectionTable::new(Keep::ALL);
        told.iter().for_each(|record| drop(table.add(record)));
        for history in table.latest(Retain::All) {
            let without = ConnectionHistory {
                steps: history.state_steps().cloned().collect(),
                ..history.clone().into_owned()
            };
            prop_assert_eq!(history.has_changed_state(), without.has_changed());
            for open_at in [None, Some(END)] {
                prop_assert_eq!(
                    ConnectionSummary::on(&history, open_at),
                    ConnectionSummary::on(&without, open_at)
                );
            }
        }
    }
}

/// A segment of the same socket at the same moment.
fn segment_beside(record: &Record, is_reset: bool) -> Option<Record> {
    let Record::Transition(Transition { at, subject, from, since_first_ns, .. }) = record else {
        return None;
    };
    let (at, subject, state, since_first_ns) = (*at, subject.clone(), *from, *since_first_ns);
    Some(if is_reset {
        Record::Reset(Reset { at, subject, state, reason: None, since_first_ns })
    } else {
        Record::Retransmit(Retransmit { at, subject, state, count: 1, since_first_ns })
    })
}
