//! Times at which sockets are reported, against a slow and obvious reckoning of the whole story.

use std::{collections::BTreeMap, str::FromStr as _, sync::Arc};

use proptest::{collection::vec, prelude::*, sample::select};

use super::{Limits, StuckDetector};
use crate::{
    address::{Endpoint, Tuple},
    record::{Record, SocketId, Subject, Transition},
    tcp::TcpState::{self, CloseWait, Established, FinWait1, FinWait2, LastAck},
    time::Moment,
};

const LIMITS: &str = "FIN_WAIT1=3ns,FIN_WAIT2=20ns,CLOSE_WAIT=7ns";

fn at(mono_ns: u64) -> Moment {
    Moment { mono_ns, wall_ns: 1_000_000 + mono_ns.cast_signed() }
}

fn enters(mono_ns: u64, socket: u64, state: TcpState) -> Record {
    let nobody = Endpoint::from_bytes([0; 16], 0);
    let subject = Subject {
        socket: SocketId::Cookie(socket),
        connection: None,
        netns: None,
        tuple: Tuple { local: nobody, remote: nobody },
        owner: None,
        cgroup: None::<Arc<_>>,
    };
    Record::Transition(Transition {
        at: at(mono_ns),
        subject,
        from: TcpState::SynSent,
        to: state,
        in_from_ns: None,
        since_first_ns: None,
        context: None,
        cause: None,
        numbers: None,
    })
}

/// Steps in the order of time: how long after the last one, which socket, into which state.
fn steps() -> impl Strategy<Value = Vec<(u64, u64, TcpState)>> {
    let states = vec![Established, FinWait1, FinWait2, CloseWait, LastAck];
    vec((0..40_u64, 1..5_u64, select(states)), 0..30).prop_map(|steps| {
        let mut now = 0;
        let step = |(after, socket, state)| {
            now += after;
            (now, socket, state)
        };
        steps.into_iter().map(step).collect()
    })
}

proptest! {
    #[test]
    fn each_is_told_of_at_its_limit_and_at_every_doubling_until_it_moves_on(steps in steps(), rest in 0..200_u64) {
        let limits = Limits::from_str(LIMITS).unwrap();
        let end = steps.last().map_or(0, |step| step.0) + rest;

        let mut expected = Vec::new();
        let mut left: BTreeMap<u64, u64> = BTreeMap::new();
        for &(since, socket, state) in steps.iter().rev() {
            // The last step at one moment counts, and at the moment of leaving nobody is stuck any more.
            let until = left.insert(socket, since).unwrap_or(end + 1);
            let Some(limit) = limits.of(state) else { continue };
            let mut for_ns = limit;
            for count in 1.. {
                if since + for_ns >= until {
                    break;
                }
                expected.push((since + for_ns, socket, state, for_ns, count));
                for_ns *= 2;
            }
        }

        let mut watch = StuckDetector::new(limits);
        let mut told = Vec::new();
        for (now, socket, state) in steps {
            if let Some(before) = now.checked_sub(1) {
                told.extend(watch.overdue(at(before)));
            }
            watch.follow(&enters(now, socket, state));
        }
        told.extend(watch.overdue(at(end)));
        prop_assert!(told.is_sorted_by_key(|stuck| stuck.at));
        prop_assert!(told.iter().all(|stuck| stuck.at == at(stuck.at.mono_ns) && !stuck.at_least));
        let mut told: Vec<_> = told
            .into_iter()
            .map(|stuck| {
                let SocketId::Cookie(socket) = stuck.subject.socket else { panic!("{stuck:?}") };
                (stuck.at.mono_ns, socket, stuck.state, stuck.for_ns, stuck.count)
            })
            .collect();
        let key = |told: &(u64, u64, TcpState, u64, u64)| (told.0, told.1, told.4);
        told.sort_unstable_by_key(key);
        expected.sort_unstable_by_key(key);
        prop_assert_eq!(told, expected);
        // Nobody is watched for nothing.
        prop_assert!(watch.due.len() == watch.sockets.len());
    }

    /// However late it is asked, each wait is reported once, with all the time that it took.
    #[test]
    fn what_was_slept_through_is_told_once(since in 0..1_000_u64, late in 0..100_000_u64) {
        let mut watch = StuckDetector::new(LIMITS.parse().unwrap());
        watch.follow(&enters(since, 1, CloseWait));
        let stuck = watch.due(at(since + late));
        prop_assert_eq!(stuck.len(), usize::from(late >= 7));
        prop_assert!(stuck.iter().all(|stuck| stuck.for_ns == late && stuck.count == 1));
        prop_assert!(watch.next_due().is_some_and(|due| due > since + late));
    }
}
