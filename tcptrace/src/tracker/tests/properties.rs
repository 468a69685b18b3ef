//! The promises of the tracker, whatever sockets do, and whatever happens to their events on the way.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use super::model::{BYSTANDER, Style, fates, holders, mangle, world};
use crate::{
    address::Netns,
    event::StateChange,
    process::{Comm, Evidence, Owner},
    record::{Context, Existing, Inference, Orphan, Record, SocketId, Transition},
    tcp::{Step, TcpState, step},
    time::Moment,
    tracker::{SocketInfo, Tracker, merge},
};

pub(crate) fn at(mono_ns: u64) -> Moment {
    Moment { mono_ns, wall_ns: 0 }
}

/// Records of these events, to the end.
pub(crate) fn records_of(tracker: &mut Tracker, events: &[StateChange]) -> Vec<Record> {
    let mut out = Vec::new();
    for event in events {
        tracker.apply(at(event.mono_ns), event, &mut out);
    }
    tracker.finish(&mut out);
    out
}

/// Steps that were emitted of each socket, in order: from where, to where, and whether it was seen.
pub(super) fn paths(records: &[Record]) -> HashMap<SocketId, Vec<(Option<TcpState>, TcpState, bool)>> {
    let mut paths: HashMap<_, Vec<_>> = HashMap::new();
    for record in records {
        let step = match record {
            Record::Transition(Transition { from, to, context, .. }) => {
                let seen = *context != Some(Context::Inferred(Inference::Continuity));
                (Some(*from), *to, seen)
            }
            // It stays where it is, but not for the tracker.
            Record::Orphan(Orphan { state, .. }) => (Some(*state), TcpState::Close, true),
            Record::Existing(Existing { state, .. }) => (None, *state, true),
            _ => continue,
        };
        paths.entry(record.subject().unwrap().socket).or_default().push(step);
    }
    paths
}

/// Whether every step begins where the last one ended, or is the first of a life. A step that comes too late, after the
/// end, is one too: the tracker does not remember the dead.
pub(super) fn is_path(steps: &[(Option<TcpState>, TcpState, bool)]) -> bool {
    let over = |state| matches!(state, TcpState::Close | TcpState::TimeWait);
    steps.windows(2).all(|pair| {
        let [(_, was, _), (from, to, _)] = pair else { return false };
        from.is_some_and(|from| {
            let child = (from, *to) == (TcpState::Listen, TcpState::SynRecv);
            // A request that was found may go on as a child.
            *was == from || over(*was) || (child && *was == TcpState::SynRecv)
        })
    })
}

proptest! {
    #[test]
    fn an_undisturbed_trace_is_emitted_as_it_was(world in world()) {
        let reported = world.events();
        let events: Vec<_> = reported.iter().map(|reported| reported.event.clone()).collect();
        let mut tracker = Tracker::default();
        let records = records_of(&mut tracker, &events);
        prop_assert_eq!(records.iter().filter(|record| record.is_event()).count(), events.len());
        prop_assert_eq!(records.len(), events.len(), "nothing is inferred of what was seen");
        let mut since = HashMap::new();
        for record in &records {
            let Record::Transition(Transition { at, subject, in_from_ns, .. }) = record else { continue };
            let before = since.insert((subject.socket, subject.tuple.remote), *at);
            prop_assert!(in_from_ns.is_none_or(|ns| before.is_some_and(|before| at.since(before) == ns)));
        }
        for (socket, steps) in paths(&records) {
            prop_assert!(is_path(&steps), "{socket}: {steps:?}");
            for (from, to, _) in steps {
                prop_assert_ne!(step(from.unwrap(), to), Step::Impossible);
            }
        }
        tracker.sockets.check();
        prop_assert_eq!(tracker.open_sockets(), 0, "every life has ended");
    }

    #[test]
    fn a_disturbed_trace_is_a_path_all_the_same(world in world(), fates in fates()) {
        let events: Vec<_> = world.events().into_iter().map(|reported| reported.event).collect();
        let events = mangle(&events, &fates);
        let places = events.iter().map(|event| event.pointer).collect::<HashSet<_>>();
        let mut tracker = Tracker::default();
        let mut records = Vec::new();
        for event in &events {
            tracker.apply(at(event.mono_ns), event, &mut records);
            tracker.sockets.check();
            prop_assert!(tracker.open_sockets() <= places.len(), "as many sockets as places in memory");
        }
        tracker.finish(&mut records);
        prop_assert_eq!(records.iter().filter(|record| record.is_event()).count(), events.len());
        for (socket, steps) in paths(&records) {
            prop_assert!(is_path(&steps), "{socket}: {steps:?}");
        }
    }

    #[test]
    fn nobody_owns_what_he_was_not_seen_with(world in world(), fates in fates()) {
        let reported = world.events();
        let all: Vec<_> = reported.iter().map(|reported| reported.event.clone()).collect();
        let listening: Vec<_> =
            reported.iter().filter(|reported| world.is_listener(reported.life)).map(|reported| reported.pid).collect();
        let events = mangle(&all, &fates);
        let holders = holders(&events);
        for record in records_of(&mut Tracker::default(), &events) {
            let subject = record.subject().unwrap();
            let Some(owner) = subject.owner else { continue };
            match (owner.evidence, subject.socket) {
                (Evidence::Listener, _) => prop_assert!(listening.contains(&owner.pid), "{record:?}"),
                (_, SocketId::Cookie(cookie)) => {
                    let held = holders.get(&cookie).is_some_and(|pids| pids.contains(&owner.pid));
                    prop_assert!(held && owner.pid < BYSTANDER, "{record:?}");
                }
                // Without cookies: a process that has a socket with these ends.
                (_, SocketId::Serial(_)) => {
                    let has = reported.iter().any(|reported| {
                        reported.pid == owner.pid && (reported.tuple.remote == subject.tuple.remote)
                    });
                    prop_assert!(has && owner.pid < BYSTANDER, "{record:?}");
                }
            }
        }
    }

    #[test]
    fn a_connection_has_two_ends_at_most(world in world(), fates in fates()) {
        let events: Vec<_> = world.events().into_iter().map(|reported| reported.event).collect();
        let mut last = HashMap::new();
        for record in records_of(&mut Tracker::default(), &mangle(&events, &fates)) {
            let subject = record.subject().unwrap().clone();
            if let Some(id) = subject.connection {
                // A socket's number may change once, to that of its peer.
                last.insert((subject.socket, subject.tuple), (id, subject));
            }
        }
        let mut ends: HashMap<_, Vec<_>> = HashMap::new();
        for (id, subject) in last.into_values().filter(|(_, subject)| subject.tuple.is_complete()) {
            ends.entry(id).or_default().push(subject);
        }
        for (id, ends) in ends {
            match ends.as_slice() {
                [_] => {}
                [a, b] => {
                    prop_assert_eq!(a.tuple, b.tuple.reversed(), "{:?}", id);
                    prop_assert_eq!(a.netns, b.netns);
                }
                more => prop_assert!(false, "{id:?}: {more:?}"),
            }
        }
    }

    #[test]
    fn whenever_it_is_attached_nothing_is_missed(world in world(), attach in 0..40usize, dump in 0..10usize) {
        // Two that look the same cannot be kept apart without cookies.
        let world = if world.style == Style::Blind { world.unambiguous() } else { world };
        let reported = world.events();
        let attach = attach.min(reported.len());
        let dump = (attach + dump).min(reported.len());
        let mut there = HashMap::new();
        for reported in &reported[..dump] {
            if reported.last {
                there.remove(&reported.life);
            } else {
                let comm = Comm::from_slice(b"p");
                let owner = Owner::new(reported.pid, comm, 0, Evidence::Procfs);
                let cookie = Some(1_000 + reported.life as u64);
                let netns = Some(reported.event.netns.unwrap_or(Netns(1)));
                let state = reported.event.to;
                there.insert(reported.life, SocketInfo { cookie, netns, tuple: reported.tuple, state, owner: Some(owner), cgroup: None });
            }
        }
        let since: Vec<_> = reported[attach..dump].iter().map(|reported| reported.event.clone()).collect();
        let rest: Vec<_> = reported[attach..].iter().map(|reported| reported.event.clone()).collect();
        let mut tracker = Tracker::default();
        let mut records = Vec::new();
        for found in merge(there.into_values().collect(), &since, &Default::default()) {
            tracker.add_existing(at(0), &found, &mut records);
        }
        records.extend(records_of(&mut tracker, &rest));
        for (socket, steps) in paths(&records) {
            prop_assert!(is_path(&steps), "{socket}: {steps:?}");
            prop_assert!(steps.iter().all(|(_, _, seen)| *seen), "{socket} has a gap: {steps:?}");
        }
        prop_assert_eq!(tracker.open_sockets(), 0, "every life has ended");
    }
}
