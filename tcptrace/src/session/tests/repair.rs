//! After a loss a dump tells how things are: when it is asked for, when not, and when it is given up.

use super::*;
use crate::filter::Filter;

const EVERYTHING: DumpRequest = DumpRequest::Everything { processes: false };

/// A host on which one event in each tick comes and one is lost, until `ms`.
fn lose_until(host: &mut Host, ms: u64) {
    while host.now < ms {
        host.forks(1);
        host.counted.ring_full += 1;
        host.counted.seen += 1;
        host.run_until(host.now + 5);
    }
}

#[test]
fn it_tells_what_was_missed() {
    let mut host = Host::tracing(Config::default());
    for socket in 1..=3 {
        host.change(socket, Close, SynSent);
        host.change(socket, SynSent, Established);
    }
    host.run_until(50);
    // Of one the end is missed, of one a step, and one that nobody has heard of is there.
    host.counted.ring_full += 3;
    host.counted.seen += 3;
    host.sockets = vec![dumped(2, CloseWait), dumped(3, Established), dumped(4, Established)];
    host.dump_takes = 20;
    host.run_until(200);
    assert_eq!(host.requests, [(200, EVERYTHING)]);
    // What happens while it is made is told after it, as it happened.
    host.change(3, Established, CloseWait);
    host.told.clear();
    host.run_until(215);
    assert_eq!(host.lines(), [""; 0]);
    host.run_until(220);
    assert_eq!(
        host.lines(),
        [
            "2 ESTABLISHED → CLOSE_WAIT",
            "1 ESTABLISHED → CLOSE",
            "4 ESTABLISHED",
            "3 ESTABLISHED → CLOSE_WAIT"
        ]
    );
    host.run_until(5_000);
    assert_eq!(host.requests.len(), 1);
}

#[test]
fn it_waits_until_nothing_more_is_lost_but_not_too_long() {
    let mut host = Host::tracing(Config::default());
    lose_until(&mut host, 500);
    host.run_until(1_000);
    // Noticed at 500 and once more at 600.
    assert_eq!(host.requested(), [600]);

    let mut host = Host::tracing(Config::default());
    lose_until(&mut host, 3_000);
    // Noticed first at 100; 2 s are the most.
    assert_eq!(host.requested()[0], 2_100);
    host.end();
}

#[test]
fn the_next_one_is_not_sooner_than_it_is_worth() {
    let mut host = Host::tracing(Config::default());
    lose_until(&mut host, 10);
    host.dump_takes = 100;
    host.run_until(400);
    // It took a tenth of a second, until 300: two seconds pass before the next one. That takes no time: one second.
    host.dump_takes = 0;
    lose_until(&mut host, 410);
    host.run_until(2_350);
    lose_until(&mut host, 2_360);
    host.run_until(5_000);
    assert_eq!(host.requested(), [200, 2_300, 3_305]);
    host.end();
}

#[test]
fn it_fails_and_is_not_repeated() {
    let mut host = Host::tracing(Config::default());
    host.dump_fails = true;
    lose_until(&mut host, 10);
    host.change(1, Close, SynSent);
    host.run_until(5_000);
    assert_eq!(host.requests.len(), 1);
    host.end();
}

/// A batch at a time is followed, and more than that comes.
#[test]
fn it_waits_while_the_reader_is_behind() {
    let mut host = Host::tracing(Config::default());
    host.counted.ring_full = 1;
    host.counted.seen += 1;
    while host.now < 4_000 {
        host.forks(4_500);
        host.run_until(host.now + 5);
    }
    assert_eq!(host.lost().len(), 1);
    assert_eq!(host.requested(), [0; 0]);
    // As soon as it has caught up.
    while host.session.is_waiting() {
        host.run_until(host.now + 5);
        assert!(host.requests.is_empty() || host.buffer.is_empty());
        if !host.requests.is_empty() {
            break;
        }
    }
    assert_eq!(host.requests.len(), 1);
}

#[test]
fn it_is_given_up_in_a_flood_and_asked_for_again() {
    let mut host = Host::tracing(Config::default());
    host.change(1, Close, SynSent);
    host.run_until(50);
    lose_until(&mut host, 60);
    host.dump_takes = 300;
    host.run_until(200);
    assert_eq!(host.requested(), [200]);
    // 1,000 a millisecond.
    for _ in 0..3 {
        host.now += 5;
        host.forks(5_000);
        host.turn();
        assert!(host.session.room() > 0 && host.session.is_gathering());
    }
    host.now += 5;
    host.change(1, SynSent, Established);
    host.forks(5_000);
    host.turn();
    assert!(!host.session.is_gathering());
    // It is followed while the dump goes on, and the dump means nothing any more: socket 1 is not in it.
    host.run_until(300);
    assert_eq!(host.lines().last().unwrap(), "1 SYN_SENT → ESTABLISHED");
    assert!(!host.session.is_waiting());
    host.run_until(510);
    assert_eq!(host.lines().last().unwrap(), "1 SYN_SENT → ESTABLISHED");
    host.sockets = vec![dumped(1, CloseWait)];
    host.run_until(2_000);
    // A second after its end.
    assert_eq!(host.requested(), [200, 1_500]);
    assert_eq!(host.lines().last().unwrap(), "1 ESTABLISHED → CLOSE_WAIT");
    host.end();
}

/// Much comes, but slowly enough.
#[test]
fn it_is_not_given_up_for_what_comes_in_its_time() {
    let mut host = Host::tracing(Config::default());
    lose_until(&mut host, 10);
    host.dump_takes = 1_000;
    host.run_until(200);
    assert_eq!(host.requested(), [200]);
    while host.now < 1_195 {
        host.forks(450);
        host.run_until(host.now + 5);
        assert!(host.session.is_gathering());
    }
    host.run_until(1_200);
    assert!(!host.session.is_gathering());
    host.end();
}

#[test]
fn none_is_begun_while_one_that_was_given_up_is_under_way() {
    let mut host = Host::tracing(Config::default());
    lose_until(&mut host, 10);
    host.dump_takes = 4_000;
    host.run_until(200);
    host.now += 5;
    host.forks(20_000);
    host.turn();
    assert!(!host.session.is_gathering());
    lose_until(&mut host, 4_200);
    assert_eq!(host.requested(), [200]);
    host.dump_takes = 0;
    lose_until(&mut host, 6_000);
    // A second after its end.
    assert_eq!(host.requested()[..2], [200, 5_200]);
    host.end();
}

#[test]
fn a_fork_may_be_what_was_lost() {
    let filter = Filter { children: true, pids: vec![7], ..Filter::default() };
    let mut host = Host::tracing(Config { filter, ..Config::default() });
    host.session.track_processes(&[7], &[]);
    lose_until(&mut host, 10);
    host.processes = vec![(7, 1), (8, 7), (9, 1)];
    host.sockets = vec![held(1, Established, 8), held(2, Established, 9)];
    host.run_until(300);
    assert_eq!(host.requests, [(200, DumpRequest::Everything { processes: true })]);
    let owners = host.told.iter().filter_map(|record| record.subject()?.owner);
    assert_eq!(owners.map(|owner| owner.in_process_tree).collect::<Vec<_>>(), [true, false]);
}
