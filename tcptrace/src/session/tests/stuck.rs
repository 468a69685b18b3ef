//! A socket that stays too long in a state is told only where a dump shows it there.

use super::*;

fn watching() -> Config {
    Config { stuck: Some("CLOSE_WAIT=1s".parse().unwrap()), ..Config::default() }
}

/// Socket 1 has been in CLOSE_WAIT for a second, and a dump that takes 50 ms was asked for.
fn due() -> Host {
    let mut host = Host::tracing(watching());
    host.change(1, Established, CloseWait);
    host.dump_takes = 50;
    host.run_until(995);
    assert_eq!(host.requests, []);
    host.run_until(1_000);
    assert_eq!(host.requests, [(1_000, DumpRequest::Everything { processes: false })]);
    host.told.clear();
    host
}

#[test]
fn told_with_its_holder_before_what_happens_meanwhile() {
    let mut host = due();
    host.sockets = vec![held(1, CloseWait, 7)];
    host.run_until(1_020);
    host.change(1, CloseWait, LastAck);
    host.run_until(1_045);
    assert_eq!(host.lines(), [""; 0]);
    host.run_until(1_050);
    assert_eq!(host.lines(), ["1 stuck in CLOSE_WAIT", "1 CLOSE_WAIT → LAST_ACK"]);
    let Record::Stuck(stuck) = &host.told[0] else { panic!("{:?}", host.told) };
    assert_eq!((stuck.at, stuck.for_ns, stuck.fd), (at(1_000), 1_000 * MS, Some(5)));
    assert_eq!(stuck.subject.owner.unwrap().pid, 7);
}

#[test]
fn not_told_where_the_dump_shows_otherwise() {
    // Elsewhere, gone, and in a namespace that cannot be dumped.
    let elsewhere = Netns(2);
    for (sockets, is_told) in [
        (vec![dumped(1, LastAck)], false),
        (vec![dumped(2, Established)], false),
        (vec![DumpedSocket { netns: elsewhere, ..dumped(2, Established) }], true),
        (vec![dumped(1, CloseWait)], true),
    ] {
        let mut host = due();
        host.sockets = sockets.clone();
        host.run_until(1_050);
        assert_eq!(host.told.len(), usize::from(is_told), "{sockets:?}");
    }
}

#[test]
fn told_though_nobody_can_be_asked() {
    let mut host = due();
    host.dump_fails = true;
    host.run_until(1_050);
    assert_eq!(host.lines(), ["1 stuck in CLOSE_WAIT"]);
}

/// A change in the buffer takes precedence: no dump for a socket that has moved on.
#[test]
fn what_is_in_the_buffer_says_otherwise() {
    let mut host = Host::tracing(watching());
    host.change(1, Established, CloseWait);
    host.run_until(995);
    host.change(1, CloseWait, LastAck);
    host.run_until(3_000);
    assert_eq!(host.requests, []);
}

/// A dump that takes a tenth of a second is not made more often than each two seconds.
#[test]
fn not_asked_for_more_often_than_it_is_worth() {
    let mut host = due();
    host.sockets = vec![dumped(1, CloseWait)];
    host.dump_takes = 100;
    for (socket, ms) in [(2, 1_055), (3, 1_100), (4, 2_500)] {
        host.run_until(ms);
        host.change(socket, Established, CloseWait);
        host.sockets.push(dumped(socket, CloseWait));
    }
    host.run_until(7_000);
    // 50 ms, then 100: not when each is due.
    assert_eq!(host.requested()[..4], [1_000, 2_050, 4_150, 6_250]);
}

/// Losses are told with the events around them, not before.
#[test]
fn losses_wait_too() {
    let mut host = due();
    host.run_until(1_050);
    host.change(2, Established, CloseWait);
    host.run_until(2_000);
    host.change(3, SynSent, Established);
    host.run_until(2_030);
    host.change(4, SynSent, Established);
    host.sockets = vec![dumped(2, CloseWait)];
    host.dump_takes = 200;
    host.run_until(2_060);
    assert!(host.session.is_gathering());
    host.counted.ring_full += 1;
    host.counted.seen += 1;
    host.told.clear();
    host.run_until(2_245);
    assert_eq!(host.lines(), [""; 0]);
    host.run_until(2_255);
    assert_eq!(host.lines(), ["2 stuck in CLOSE_WAIT", "lost 1"]);
}

/// Also one of which only a repair tells that it came there.
#[test]
fn from_where_a_repair_puts_it() {
    let mut host = Host::tracing(watching());
    host.change(1, SynSent, Established);
    host.counted.ring_full += 1;
    host.counted.seen += 1;
    host.sockets = vec![dumped(1, CloseWait)];
    host.run_until(2_000);
    assert_eq!(
        host.lines(),
        ["1 SYN_SENT → ESTABLISHED", "lost 1", "1 ESTABLISHED → CLOSE_WAIT", "1 stuck in CLOSE_WAIT"]
    );
}
