//! The sockets that were there before, against the events that come while they are dumped.

use super::*;
use crate::{event::TimerStep, filter::Filter};

#[test]
fn existing_sockets_come_first_as_they_were_before_the_first_event() {
    let mut host = Host::new(Config::default(), 50);
    assert_eq!(host.requests, [(0, DumpRequest::Everything { processes: false })]);
    host.run_until(10);
    host.change(2, Established, CloseWait);
    host.change(3, Close, SynSent);
    host.sockets = vec![dumped(1, Established), dumped(2, CloseWait), dumped(3, SynSent)];
    host.run_until(45);
    assert_eq!((host.lines(), host.session.has_begun()), (vec![], false));
    host.run_until(50);
    assert_eq!(
        host.lines(),
        ["1 ESTABLISHED", "2 ESTABLISHED", "2 ESTABLISHED → CLOSE_WAIT", "3 CLOSE → SYN_SENT"]
    );
    // As of when they were asked for: nothing had happened yet.
    assert_eq!(host.told[0].at(), at(0));
    assert_eq!(host.told[2].at(), at(10));
    host.end();
}

/// An event may be older than the request: the hooks are attached before.
#[test]
fn they_were_there_before_the_first_event() {
    let mut host = Host::new(Config::default(), 50);
    host.now = 20;
    let mut session = Session::new(Config::default(), at(0));
    session.request_dump(at(30));
    session.read(Ok(change(20, 2, Established, CloseWait)));
    session.on_dump(
        at(40),
        Ok(Dump { sockets: vec![dumped(1, Established)], ..Dump::default() }),
        &mut host.told,
    );
    session.next_batch(at(40));
    session.advance(&mut (), &mut host.told);
    assert_eq!(host.lines(), ["1 ESTABLISHED", "2 ESTABLISHED → CLOSE_WAIT"]);
    assert_eq!(host.told[0].at(), at(20));
}

/// Its own first event is missing. Whether it was there before the hooks were attached, its request shows.
#[test]
fn a_child_is_not_taken_for_its_request() {
    use TimerStep::{Started, Stopped};
    for (steps, first) in [(&[Stopped][..], "1 SYN_RECV"), (&[Started, Stopped][..], "1 LISTEN → SYN_RECV")]
    {
        for cookie in [None, Some(1)] {
            let mut host = Host::new(Config { minisocket_timers: true, ..Config::default() }, 50);
            host.now = 10;
            steps.iter().for_each(|step| host.request(1, cookie, *step));
            host.change(1, SynRecv, Established);
            host.sockets = vec![dumped(1, Established)];
            host.run_until(100);
            assert_eq!(host.lines(), [first, "1 SYN_RECV → ESTABLISHED"]);
            host.end();
        }
    }
}

#[test]
fn forks_that_come_meanwhile_count() {
    let filter = Filter { children: true, pids: vec![7], ..Filter::default() };
    let mut host = Host::new(Config { filter, ..Config::default() }, 50);
    host.session.track_processes(&[7], &[(7, 1), (8, 7), (9, 1)]);
    let fork = |parent, child| Ok(RawEvent::Fork(Fork { mono_ns: 10 * MS, parent, child }));
    host.buffer.extend([fork(8, 10), fork(9, 11)]);
    host.sockets = (7..=11).map(|pid| held(pid.into(), Established, pid)).collect();
    host.run_until(50);
    let belongs = host.told.iter().map(|record| record.subject().unwrap().owner.unwrap().in_process_tree);
    assert_eq!(belongs.collect::<Vec<_>>(), [true, true, false, true, false]);
}

#[test]
fn without_a_dump_events_are_told_all_the_same() {
    let mut host = Host::new(Config::default(), 50);
    host.dump_fails = true;
    host.change(2, Established, CloseWait);
    host.run_until(50);
    assert_eq!(host.lines(), ["2 ESTABLISHED → CLOSE_WAIT"]);
    host.end();
}

#[test]
fn so_many_at_once() {
    let mut host = Host::new(Config::default(), NEVER);
    let sockets = (1..=2_500).map(|socket| dumped(socket, Established)).collect();
    host.session.on_dump(at(10), Ok(Dump { sockets, ..Dump::default() }), &mut host.told);
    let mut sizes = Vec::new();
    let mut is_left = true;
    while is_left {
        is_left = host.session.advance(&mut (), &mut host.told);
        sizes.push(host.told.len());
        host.told.clear();
    }
    assert_eq!(sizes, [1_024, 1_024, 452]);
}

/// Listeners too, because their children inherit from them; the filter lets through what was asked for.
#[test]
fn sockets_that_were_not_asked_for_are_left_out() {
    let filter = Filter { local_ports: "1001".parse().unwrap(), ..Filter::default() };
    let mut host = Host::new(Config { filter, ..Config::default() }, 50);
    host.sockets = vec![dumped(1, Established), dumped(2, Established), dumped(3, Listen)];
    host.run_until(50);
    assert_eq!(host.lines(), ["1 ESTABLISHED", "3 LISTEN"]);
}
