//! The end of a trace, wherever it comes: every event is told or accounted for. [`Host::end`] holds it to that.

use super::*;
use crate::event::{SocketEvent, SocketEventKind, TimerStep};

#[test]
fn amid_the_first_dump() {
    let mut host = Host::new(Config::default(), NEVER);
    host.change(1, Close, SynSent);
    host.run_until(100);
    host.change(1, SynSent, Established);
    host.end();
    assert_eq!(host.lines(), ["1 CLOSE → SYN_SENT", "1 SYN_SENT → ESTABLISHED"]);
}

#[test]
fn before_anything_was_read() {
    let mut host = Host::new(Config::default(), NEVER);
    host.counted.ring_full = 2;
    host.counted.seen = 2;
    host.end();
    assert_eq!(host.lines(), ["lost 2"]);
}

#[test]
fn amid_a_repair_that_goes_on_or_was_given_up() {
    for flood in [0, 20_000] {
        let mut host = Host::tracing(Config::default());
        host.dump_takes = NEVER;
        host.change(1, Close, SynSent);
        (host.counted.ring_full, host.counted.lost_notes) = (7, 2);
        host.counted.seen += 7;
        host.run_until(300);
        assert_eq!(host.requested(), [200]);
        host.forks(flood);
        host.change(1, SynSent, Established);
        host.run_until(305);
        assert_eq!(host.session.is_gathering(), flood == 0);
        host.change(1, Established, CloseWait);
        host.end();
        let steps =
            ["1 CLOSE → SYN_SENT", "lost 9", "1 SYN_SENT → ESTABLISHED", "1 ESTABLISHED → CLOSE_WAIT"];
        assert_eq!(host.lines(), steps);
    }
}

#[test]
fn amid_a_dump_for_those_that_are_stuck() {
    let mut host =
        Host::tracing(Config { stuck: Some("CLOSE_WAIT=1s".parse().unwrap()), ..Config::default() });
    host.dump_takes = NEVER;
    host.change(1, Established, CloseWait);
    host.run_until(1_000);
    assert!(host.session.is_gathering());
    host.change(1, CloseWait, LastAck);
    host.run_until(1_100);
    host.end();
    assert_eq!(host.lines(), ["1 ESTABLISHED → CLOSE_WAIT", "1 CLOSE_WAIT → LAST_ACK"]);
}

#[test]
fn amid_a_dump_of_minisockets() {
    let mut host = Host::tracing(Config::default());
    host.dump_takes = NEVER;
    host.change(1, FinWait1, FinWait2);
    host.change(1, FinWait2, Close);
    host.run_until(1_100);
    assert_eq!(host.requests.len(), 1);
    host.change(2, Close, SynSent);
    host.end();
    assert_eq!(host.lines().len(), 3);
}

/// A timer's note waits for what may follow it, and so does what comes after it.
#[test]
fn while_something_waits_for_what_may_follow() {
    let mut host = Host::tracing(Config { minisocket_timers: true, ..Config::default() });
    host.run_until(100);
    let stopped = SocketEvent {
        mono_ns: 100 * MS,
        pointer: 1 << 8 | 2,
        cookie: Some(1),
        netns: Some(NETNS),
        tuple: tuple(1),
        state: TimeWait,
        tid: 0,
        kind: SocketEventKind::Timewait(TimerStep::Stopped),
    };
    host.buffer.push_back(Ok(RawEvent::SocketEvent(stopped)));
    host.change(2, Close, SynSent);
    host.run_until(105);
    assert_eq!(host.lines(), [""; 0]);
    assert!(host.session.is_waiting());
    host.end();
    assert_eq!(host.lines(), ["2 CLOSE → SYN_SENT"]);
}

/// A dump that comes after the end changes nothing.
#[test]
fn a_dump_that_comes_too_late() {
    let mut host = Host::new(Config::default(), 100);
    host.end();
    host.sockets = vec![dumped(1, Established)];
    host.run_until(200);
    assert_eq!(host.lines(), [""; 0]);
}
