//! Timer events in every order, and drains at every time.

use TimerStep::{Expired, Restarted, Reused, Started, Stopped};
use proptest::{collection::vec, prelude::*};

use super::*;
use crate::{
    address::{Endpoint, Tuple},
    event::{StateChange, Task},
    process::Comm,
    tcp::TcpState,
};

fn event_at(us: u64, pointer: u64, kind: SocketEventKind) -> RawEvent {
    let end = |port| Endpoint { address: [127, 0, 0, 1].into(), port };
    RawEvent::SocketEvent(SocketEvent {
        mono_ns: us * 1_000,
        pointer,
        cookie: None,
        netns: None,
        tuple: Tuple { local: end(80), remote: end(1000) },
        state: TcpState::TimeWait,
        tid: 0,
        kind,
    })
}

fn timewait(us: u64, step: TimerStep) -> RawEvent {
    event_at(us, 1, SocketEventKind::Timewait(step))
}

fn steps(batch: &[RawEvent]) -> Vec<TimerStep> {
    batch.iter().filter_map(timer).map(|(step, _)| step).collect()
}

#[test]
fn what_follows_at_once_shows_what_a_stop_was() {
    for (batch, folded) in [
        (vec![(0, Stopped), (3, Expired)], vec![Expired]),
        (vec![(0, Stopped), (3, Started)], vec![Restarted]),
        (vec![(0, Stopped), (3, Expired), (9, Started)], vec![Expired, Started]),
        (vec![(0, Started), (9_000, Stopped), (9_001, Expired)], vec![Started, Expired]),
        // The virtual CPU was taken away in between.
        (vec![(0, Stopped), (9_000, Expired)], vec![Expired]),
        // Another minisocket in the same place.
        (vec![(0, Stopped), (9_000, Started)], vec![Stopped, Started]),
    ] {
        let mut batch: Vec<_> = batch.into_iter().map(|(us, step)| timewait(us, step)).collect();
        Timers::default().finish(&mut batch);
        assert_eq!(steps(&batch), folded);
    }
}

/// Many minisockets stop when their namespace goes; each against all that come after it would take ten seconds.
#[test]
fn many_that_stop_at_once_take_no_time() {
    let stopped = |number: u16| {
        let mut seen = event_at(u64::from(number) / 4, u64::from(number), SocketEventKind::Timewait(Stopped));
        if let RawEvent::SocketEvent(event) = &mut seen {
            event.tuple.remote.port = number;
        }
        seen
    };
    let mut batch: Vec<_> = (0..30_000).map(stopped).collect();
    let began = std::time::Instant::now();
    Timers::default().finish(&mut batch);
    assert!(began.elapsed().as_secs() < 3, "{:?}", began.elapsed());
    assert_eq!(steps(&batch), [Stopped; 30_000]);
}

/// The event after a stop was lost: until that is sure everything waits, and each batch is looked at once.
#[test]
fn what_waits_is_not_looked_at_again_and_again() {
    let elsewhere = |us| {
        let mut seen = event_at(us, 2, SocketEventKind::Retransmit);
        if let RawEvent::SocketEvent(event) = &mut seen {
            event.tuple.remote.port = 2000;
        }
        seen
    };
    let mut timers = Timers::default();
    let began = std::time::Instant::now();
    timers.fold(&mut vec![timewait(1, Stopped)], 0);
    for us in 1..=10_000 {
        let mut batch: Vec<_> = (0..10).map(|_| elsewhere(us)).collect();
        timers.fold(&mut batch, us * 1_000);
        assert!(batch.is_empty());
    }
    assert!(began.elapsed().as_secs() < 3, "{:?}", began.elapsed());
    let mut folded = Vec::new();
    timers.finish(&mut folded);
    assert_eq!((folded.len(), steps(&folded)), (100_001, vec![Stopped]));
}

/// Only what comes after an event waits for what may follow it, whatever its time says.
#[test]
fn what_came_before_does_not_wait() {
    let mut timers = Timers::default();
    timers.fold(&mut vec![timewait(u64::MAX / 2_000, Stopped)], 1_000);
    for us in 2..10 {
        let mut batch = vec![event_at(us, 2, SocketEventKind::Retransmit)];
        timers.fold(&mut batch, us * 1_000);
        assert_eq!(batch.len(), 1);
    }
}

#[test]
fn a_request_that_ran_out_may_go_on() {
    // After the SYN+ACK, which may take its time.
    for us in [9, 15_000] {
        let steps_of = [(0, Stopped), (3, Expired), (us, Started)];
        let mut batch: Vec<_> =
            steps_of.into_iter().map(|(us, step)| event_at(us, 1, SocketEventKind::Request(step))).collect();
        Timers::default().finish(&mut batch);
        assert_eq!(steps(&batch), [Restarted]);
    }
}

#[test]
fn the_next_one_in_the_same_place_is_another() {
    let mut batch = vec![
        event_at(0, 1, SocketEventKind::Request(Stopped)),
        event_at(3, 1, SocketEventKind::Request(Started)),
    ];
    if let RawEvent::SocketEvent(event) = &mut batch[1] {
        event.tuple.remote.port += 1;
    }
    Timers::default().finish(&mut batch);
    assert_eq!(steps(&batch), [Stopped, Started]);
}

/// First of these drains, in microseconds, that finds nothing new and still emits something.
fn first_emitting(timers: &mut Timers, drains: impl IntoIterator<Item = u64>) -> Option<u64> {
    drains.into_iter().find(|us| {
        let mut batch = Vec::new();
        timers.fold(&mut batch, us * 1_000);
        !batch.is_empty()
    })
}

#[test]
fn a_stop_waits_for_what_may_follow() {
    let mut timers = Timers::default();
    let mut batch =
        vec![timewait(0, Started), timewait(9_000, Stopped), event_at(9_001, 2, SocketEventKind::Retransmit)];
    timers.fold(&mut batch, 9_002_000);
    assert_eq!(steps(&batch), [Started]);
    assert!(timers.is_waiting());
    batch = vec![timewait(9_004, Expired)];
    timers.fold(&mut batch, 14_000_000);
    assert_eq!(batch.iter().map(RawEvent::mono_ns).collect::<Vec<_>>(), [9_001_000, 9_004_000]);
    assert_eq!(steps(&batch), [Expired]);
    assert!(!timers.is_waiting());
}

#[test]
fn it_waits_no_longer_than_that_can_take() {
    for kind in [
        SocketEventKind::Timewait(Stopped),
        SocketEventKind::Request(Stopped),
        SocketEventKind::Request(Expired),
    ] {
        let drained = |us: u64| {
            let mut timers = Timers::default();
            let mut batch = vec![event_at(100_000, 1, kind)];
            timers.fold(&mut batch, us * 1_000);
            assert!(batch.is_empty());
            timers
        };
        let ticks = |from: u64| (1..).map(move |tick| from + 5_000 * tick);
        assert_eq!(first_emitting(&mut drained(101_000), ticks(101_000)), Some(121_000), "{kind:?}");
        // However often it is looked, and however long nobody could look or do anything.
        assert_eq!(first_emitting(&mut drained(101_000), 101_001..), Some(120_000), "{kind:?}");
        assert_eq!(first_emitting(&mut drained(101_000), ticks(900_000)), Some(920_000), "{kind:?}");
    }
}

fn child_at(us: u64) -> RawEvent {
    let RawEvent::SocketEvent(SocketEvent { tuple, netns, .. }) =
        event_at(us, 1, SocketEventKind::Request(Stopped))
    else {
        unreachable!()
    };
    let nobody = Comm::new([0; 16]);
    RawEvent::StateChange(StateChange {
        mono_ns: us * 1_000,
        pointer: 2,
        cookie: None,
        netns,
        tuple,
        from: TcpState::SynRecv,
        to: TcpState::Established,
        sock: None,
        numbers: None,
        cgroup: None,
        task: Task { pid: 1, tid: 1, uid: 0, comm: nobody, thread: nobody, activity: None },
    })
}

/// Nothing waits, and that the request was stopped is no end of it.
#[test]
fn a_request_whose_child_comes_is_completed() {
    let request = |us, step| event_at(us, 1, SocketEventKind::Request(step));
    let mut batch = vec![request(0, Started), request(3, Stopped), child_at(5)];
    Timers::default().fold(&mut batch, 1_000);
    assert_eq!((batch.len(), steps(&batch)), (2, vec![Started]));
    // That is a child of the next one.
    let mut batch = vec![request(0, Stopped), event_at(4, 3, SocketEventKind::Request(Started)), child_at(5)];
    Timers::default().finish(&mut batch);
    assert_eq!(steps(&batch), [Stopped, Started]);
}

proptest! {
    /// The same steps come out in the same order, however a stream is cut into batches.
    #[test]
    fn batches_make_no_difference(
        seen in vec((prop_oneof![0..1_500_u64, 0..30_000_u64], 1..4_u64, 0..8_u8), 0..40),
        cuts in vec(any::<bool>(), 40),
    ) {
        let mut us = 0;
        let stream: Vec<_> = seen
            .iter()
            .map(|(later, pointer, what)| {
                us += later;
                let kind = match what {
                    0 => SocketEventKind::Timewait(Started),
                    1 => SocketEventKind::Timewait(Stopped),
                    2 => SocketEventKind::Timewait(Expired),
                    3 => SocketEventKind::Request(Stopped),
                    4 => SocketEventKind::Request(Expired),
                    5 => SocketEventKind::Request(Started),
                    6 => return child_at(us),
                    _ => SocketEventKind::Retransmit,
                };
                // Requests and minisockets are never in the same place.
                let pointer = pointer + if matches!(kind, SocketEventKind::Request(_)) { 10 } else { 0 };
                event_at(us, pointer, kind)
            })
            .collect();
        let mut whole = stream.clone();
        Timers::default().finish(&mut whole);
        let (mut timers, mut parts, mut batch) = (Timers::default(), Vec::new(), Vec::new());
        for (i, seen) in stream.into_iter().enumerate() {
            let now = seen.mono_ns();
            batch.push(seen);
            if cuts[i] {
                timers.fold(&mut batch, now);
                parts.append(&mut batch);
            }
        }
        timers.finish(&mut batch);
        parts.append(&mut batch);
        prop_assert_eq!(parts, whole);
    }
}

#[test]
fn another_socket_with_the_same_ends_is_the_reason() {
    for (us, folded) in [(5, Reused), (9_000, Reused), (20_000, Stopped)] {
        let mut batch = vec![timewait(0, Stopped), event_at(us, 2, SocketEventKind::Request(Started))];
        Timers::default().finish(&mut batch);
        assert_eq!(steps(&batch), [folded, Started]);
    }
}
