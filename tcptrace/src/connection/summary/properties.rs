//! What holds for every verdict, whatever was told, lost, repeated or late.

use std::collections::HashSet;

use proptest::prelude::*;

use crate::{
    connection::{ConnectionTable, Keep},
    event::StateChange,
    record::{Completeness, ConnectionEnd, ConnectionSummary, Outcome, Record},
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

/// The verdicts on what is told: of connections when they are over, and of those that are open at the end.
fn verdicts(world: &World, fates: &[Fate]) -> (Vec<Record>, Vec<ConnectionSummary>) {
    let events: Vec<StateChange> = world.events().into_iter().map(|told| told.event).collect();
    let told = records_of(&mut Tracker::default(), &mangle(&events, fates));
    let mut table = ConnectionTable::new(Keep::Open);
    let mut verdicts = Vec::new();
    for record in &told {
        table.add(record);
        let over = table.drain_closed();
        verdicts.extend(over.iter().filter_map(|history| ConnectionSummary::on(history, END, false)));
    }
    verdicts.extend(table.histories().filter_map(|history| ConnectionSummary::on(&history, END, true)));
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
    end.state.is_none_or(|state| matches!(state, TcpState::Close | TcpState::TimeWait | TcpState::FinWait2))
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
