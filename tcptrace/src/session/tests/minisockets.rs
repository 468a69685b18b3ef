//! Minisockets that no hook tells of: dumps say what became of them, each second, and less often where they take long.

use super::*;

/// A host without timers' notes, and one socket of which a minisocket took over.
fn waiting() -> Host {
    let mut host = Host::tracing(Config::default());
    host.change(1, FinWait1, FinWait2);
    host.change(1, FinWait2, Close);
    host.sockets = vec![dumped(1, TimeWait)];
    host.run_until(5);
    assert_eq!(host.lines(), ["1 FIN_WAIT1 → FIN_WAIT2", "1 FIN_WAIT2 → TIME_WAIT"]);
    host.told.clear();
    host
}

#[test]
fn a_dump_each_second_until_none_is_left() {
    let mut host = waiting();
    host.run_until(3_500);
    assert_eq!(host.requested(), [1_005, 2_010, 3_015]);
    assert!(host.requests.iter().all(|(_, request)| *request == DumpRequest::Minisockets));
    assert_eq!(host.lines(), [""; 0]);
    host.sockets.clear();
    host.run_until(4_025);
    assert_eq!(host.lines(), ["1 TIME_WAIT → CLOSE"]);
    host.run_until(10_000);
    assert_eq!((host.requests.len(), host.session.deadline()), (4, None));
}

#[test]
fn less_often_where_they_take_long_and_events_do_not_wait() {
    let mut host = waiting();
    host.dump_takes = 200;
    host.run_until(1_100);
    assert_eq!(host.requested(), [1_005]);
    host.change(2, Close, SynSent);
    host.counted.ring_full += 1;
    host.counted.seen += 1;
    host.run_until(1_200);
    // Nor does the news of losses; only the repair.
    assert_eq!(host.lines(), ["2 CLOSE → SYN_SENT", "lost 1"]);
    host.run_until(1_205);
    host.sockets = vec![dumped(1, TimeWait), dumped(2, SynSent)];
    host.run_until(5_200);
    // 20 times as long as the one before took.
    let minisockets: Vec<_> =
        host.requests.iter().filter(|(_, request)| *request == DumpRequest::Minisockets).collect();
    assert_eq!(minisockets.len(), 1, "{:?}", host.requests);
    host.run_until(5_205);
    assert_eq!(host.requests.last(), Some(&(5_205, DumpRequest::Minisockets)));
}

#[test]
fn a_failure_says_nothing_of_them() {
    let mut host = waiting();
    host.dump_fails = true;
    host.sockets.clear();
    host.run_until(1_500);
    assert_eq!((host.requests.len(), host.lines()), (1, vec![]));
    host.dump_fails = false;
    host.run_until(2_015);
    assert_eq!(host.lines(), ["1 TIME_WAIT → CLOSE"]);
}

/// With their timers' notes there is nothing to ask.
#[test]
fn those_that_tell_of_themselves_are_not_asked_for() {
    let mut host = Host::tracing(Config { minisocket_timers: true, ..Config::default() });
    host.change(1, FinWait1, FinWait2);
    host.run_until(3_000);
    assert_eq!((host.requested(), host.session.deadline()), (vec![], None));
}
