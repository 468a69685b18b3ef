//! Losses are noticed, told once with their reasons, and nothing is concluded from what is missing then.

use super::*;
use crate::record::Cause;

#[test]
fn each_is_told_once_with_its_reason() {
    let mut host = Host::tracing(Config::default());
    host.change(1, Close, SynSent);
    host.counted.ring_full = 3;
    host.counted.recursion = 2;
    host.counted.seen += 3 + 1;
    host.buffer.push_back(Err(DecodeError::Size(0)));
    host.run_until(95);
    assert_eq!(host.lost(), []);
    host.run_until(100);
    assert_eq!(host.lost(), [(100, 3, "ring_full"), (100, 2, "recursion"), (100, 1, "undecodable")]);
    // What was made good is read after what was skipped.
    host.counted.recursion = 1;
    host.change(1, SynSent, Established);
    host.run_until(205);
    host.counted.recursion = 4;
    host.counted.lost_notes = 5;
    host.change(1, Established, FinWait1);
    host.run_until(1_000);
    assert_eq!(host.lost()[3..], [(305, 5, "ring_full"), (305, 2, "recursion")]);
    host.end();
}

#[test]
fn where_nothing_comes_nobody_looks() {
    let mut host = Host::tracing(Config::default());
    host.run_until(1_000);
    assert_eq!(host.session.deadline(), None);
    host.counted.ring_full = 3;
    host.run_until(2_000);
    assert_eq!(host.lost(), []);
    // Something that cannot be read has come all the same.
    host.buffer.push_back(Err(DecodeError::Size(0)));
    host.counted.seen += 3 + 1;
    host.run_until(2_005);
    assert_eq!(host.lost(), [(2_005, 3, "ring_full"), (2_005, 1, "undecodable")]);
    host.end();
}

/// The note of a minisocket may be what was lost: that there was none is no reason to say that the kernel made none.
#[test]
fn nothing_is_concluded_from_notes_that_may_be_lost() {
    let mut host = Host::tracing(Config { minisocket_timers: true, ..Config::default() });
    let mut close = |lost_notes, ms| {
        host.run_until(ms);
        host.change(1, Established, FinWait1);
        host.change(1, FinWait1, FinWait2);
        host.run_until(ms + 100);
        host.counted.lost_notes = lost_notes;
        host.change(1, FinWait2, Close);
        host.run_until(ms + 150);
        let last = host.told.iter().rev().find_map(|record| match record {
            Record::Transition(step) if step.from == FinWait2 => Some((step.to, step.cause)),
            _ => None,
        });
        last.unwrap()
    };
    assert_eq!(close(0, 100), (Close, Some(Cause::TimeWaitLimit)));
    assert_eq!(close(1, 1_000), (TimeWait, Some(Cause::FinReceived)));
    // Also a little later: the note may have been another's.
    assert_eq!(close(1, 1_400), (TimeWait, Some(Cause::FinReceived)));
    assert_eq!(close(1, 3_000), (Close, Some(Cause::TimeWaitLimit)));
}

/// Events are lost one by one: those of a request may be there, and the beginning of its child not.
#[test]
fn a_request_goes_on_as_the_child_whose_beginning_was_lost() {
    for between in [0, 100] {
        let mut host = Host::tracing(Config { minisocket_timers: true, ..Config::default() });
        host.request(1, None, TimerStep::Started);
        host.run_until(host.now + between);
        host.counted.recursion += 1;
        host.request(1, None, TimerStep::Stopped);
        host.change(1, SynRecv, Established);
        host.run_until(host.now + 100);
        let mut lines = host.lines();
        lines.retain(|line| !line.starts_with("lost"));
        assert_eq!(lines, ["1 LISTEN → SYN_RECV", "1 SYN_RECV → ESTABLISHED"]);
        host.sockets = vec![dumped(1, Established)];
        host.run_until(host.now + 5_000);
        assert_eq!(host.told.iter().filter(|record| record.is_event()).count(), 2);
        assert_eq!(host.session.open(), 1);
        host.end();
    }
}

/// Whether a child without a request is taken for one of a SYN cookie.
fn is_cookie(host: &mut Host, child: u64) -> bool {
    host.change(child, Listen, SynRecv);
    host.change(child, SynRecv, Established);
    host.run_until(host.now + 5);
    let opened = |record: &Record| match record {
        Record::Transition(step) if step.from == SynRecv => Some(step.cause),
        _ => None,
    };
    host.told.iter().rev().find_map(opened).unwrap() == Some(Cause::SynCookie)
}

/// Its request may be what was lost; after a repair every request is known again, unless more was lost.
#[test]
fn no_syn_cookie_is_concluded_where_requests_may_be_lost() {
    let config = Config { minisocket_timers: true, ..Config::default() };
    let mut host = Host::tracing(config.clone());
    assert!(is_cookie(&mut host, 1));
    for loses_more in [false, true] {
        let begin = host.now + 100;
        host.counted.ring_full += 1;
        host.counted.seen += 1;
        host.forks(1);
        host.run_until(begin);
        assert!(!is_cookie(&mut host, begin + 1));
        host.dump_takes = 50;
        while host.dump_is_there.is_none() {
            host.run_until(host.now + 5);
        }
        host.counted.ring_full += u64::from(loses_more);
        host.counted.seen += u64::from(loses_more);
        host.run_until(host.now + 50);
        assert_eq!(is_cookie(&mut host, begin + 2), !loses_more);
    }
    // Nobody knows which requests there were before.
    let mut host = Host::new(config, 50);
    host.dump_fails = true;
    host.run_until(50);
    assert!(!is_cookie(&mut host, 1));
    host.end();
}
