//! Summaries of ladders of events: what each connection comes to, when it is over and when the trace ends.

use std::{fmt::Write as _, time::Duration};

use crate::{
    connection::{ConnectionTable, Keep},
    record::{ConnectionSummary, Outcome},
    time::Moment,
    tracker::tests::notation::emitted,
};

/// Runs a ladder, and compares the summaries with the lines of it that begin with `=`.
#[track_caller]
fn judge(text: &str) {
    let mut table = ConnectionTable::new(Keep { open: true, ..Keep::default() });
    let mut verdicts = Vec::new();
    for record in emitted(text) {
        let closed = table.add(&record);
        verdicts.extend(closed.and_then(|over| ConnectionSummary::on(&over, None)));
    }
    let end = Moment { mono_ns: 100_000_000_000, wall_ns: 0 };
    verdicts.extend(table.open().filter_map(|open| ConnectionSummary::on(&open, Some(end))));
    let lines: Vec<_> = verdicts.iter().flat_map(lines).collect();
    let expected: Vec<_> =
        text.lines().filter_map(|line| line.trim().strip_prefix("= ")).map(str::to_owned).collect();
    assert!(lines == expected, "judged otherwise:\n{}\n", lines.join("\n"));
}

/// The connection in one line, each end in another.
fn lines(summary: &ConnectionSummary) -> Vec<String> {
    let mut first = format!("#{} ", summary.connection.0);
    first += summary.outcome.map_or(if summary.open { "open" } else { "?" }, Outcome::name);
    if let Some(Outcome::Reset { by: Some(by) }) = summary.outcome {
        write!(first, " by {by}").unwrap();
    }
    for (name, end) in [("opener", summary.opener), ("closed first", summary.closed_first)] {
        if let Some(end) = end {
            write!(first, ", {name} {end}").unwrap();
        }
    }
    for (name, ns) in [
        ("lasted", summary.lasted_ns),
        ("established", summary.established_ns),
        ("half-closed", summary.half_closed_ns),
        ("teardown", summary.teardown_ns),
    ] {
        if let Some(ns) = ns {
            write!(first, ", {name} {:?}", Duration::from_nanos(ns)).unwrap();
        }
    }
    write!(first, ", {}", summary.completeness.name()).unwrap();
    let ends = summary.ends.iter().map(|end| {
        let mut line = format!("{}", end.address);
        if let Some(state) = end.state {
            write!(line, " {state}").unwrap();
        }
        if let Some(owner) = end.owner {
            write!(line, " {}", owner.comm).unwrap();
        }
        if let Some(ns) = end.handshake_ns {
            write!(line, ", handshake {:?}", Duration::from_nanos(ns)).unwrap();
        }
        if let Some(bytes) = end.payload {
            write!(line, ", payload {bytes}").unwrap();
        }
        if let Some(again) = end.retransmits {
            write!(line, ", {again} again").unwrap();
        }
        line
    });
    [first].into_iter().chain(ends).collect()
}

#[test]
fn one_closes_and_then_the_other() {
    judge(
        "sees minisockets
        client = 127.0.0.1:4000 > 127.0.0.1:80
        server = 127.0.0.1:80 > 127.0.0.1:4000
        +0     client CLOSE → SYN_SENT pid=7/curl
        +10us  server request started tid=7
        +60us  client SYN_SENT → ESTABLISHED acked=1
        +70us  server LISTEN → SYN_RECV
        +71us  server SYN_RECV → ESTABLISHED
        +1s    client ESTABLISHED → FIN_WAIT1 pid=7/curl close acked=7 sent=6
        +1s    server ESTABLISHED → CLOSE_WAIT got=7 sent=3 acked=3
        +1s    client FIN_WAIT1 → FIN_WAIT2 orphan acked=8 sent=6 got=3
        +1s    client minisocket started in=FIN_WAIT2
        +1s    client FIN_WAIT2 → CLOSE orphan
        +3s    server CLOSE_WAIT → LAST_ACK pid=8/nginx close got=7 sent=3 acked=3
        +3s    client minisocket restarted in=TIME_WAIT
        +4s    server LAST_ACK → CLOSE got=7 sent=3 acked=4 resent=1
        +64s   client minisocket expired in=TIME_WAIT
        = #1 in_order, opener 0, closed first 0, lasted 4s, established 999.94ms, half-closed 2s, teardown 3s, whole
        = 127.0.0.1:4000 TIME_WAIT curl, handshake 60µs, payload 6, 0 again
        = 127.0.0.1:80 CLOSE nginx, handshake 61µs, payload 3, 1 again",
    );
}

#[test]
fn the_peer_is_elsewhere() {
    closed_by_the_server("", "TIME_WAIT");
}

/// Closed in order, with everything acknowledged, though there is no TIME_WAIT.
#[test]
fn no_room_for_time_wait() {
    closed_by_the_server("sees minisockets\nknows minisockets +0\n", "CLOSE");
}

fn closed_by_the_server(circumstances: &str, state: &str) {
    judge(&format!(
        "{circumstances}server = 10.0.0.1:80 > 10.0.0.2:4000
        +0     server LISTEN → SYN_RECV
        +0     server SYN_RECV → ESTABLISHED
        +1s    server ESTABLISHED → FIN_WAIT1 pid=8/nginx kill=9 acked=10
        +2s    server FIN_WAIT1 → FIN_WAIT2 acked=11 got=5
        +3s    server FIN_WAIT2 → CLOSE fin acked=11 got=6
        = #1 in_order, opener 0, closed first 1, lasted 3s, established 1s, half-closed 2s, teardown 2s, whole
        = 10.0.0.2:4000, payload 5
        = 10.0.0.1:80 {state} nginx, payload 10, 0 again",
    ));
}

#[test]
fn both_close_at_once() {
    judge(
        "client = 127.0.0.1:4000 > 127.0.0.1:80
        server = 127.0.0.1:80 > 127.0.0.1:4000
        opened client server
        +1s    client ESTABLISHED → FIN_WAIT1 pid=7/curl close
        +1s    server ESTABLISHED → FIN_WAIT1 pid=8/nginx close
        +2s    client FIN_WAIT1 → CLOSING
        +2s    server FIN_WAIT1 → CLOSING
        +2s    client CLOSING → CLOSE
        +2s    server CLOSING → CLOSE
        = #1 simultaneous, opener 0, closed first 0, lasted 2s, established 999.94ms, half-closed 0ns, teardown 1s, whole
        = 127.0.0.1:4000 TIME_WAIT curl, handshake 60µs
        = 127.0.0.1:80 TIME_WAIT nginx",
    );
}

#[test]
fn resets_name_their_sender() {
    judge(
        "client = 127.0.0.1:4000 > 127.0.0.1:80
        server = 127.0.0.1:80 > 127.0.0.1:4000
        opened client server
        +1s    server ESTABLISHED → CLOSE pid=8/nginx close
        +1s    client ESTABLISHED → CLOSE err=104
        = #1 reset by 1, opener 0, closed first 1, lasted 1s, established 999.94ms, teardown 0ns, whole
        = 127.0.0.1:4000 CLOSE curl, handshake 60µs
        = 127.0.0.1:80 CLOSE nginx",
    );
    judge(
        "client = 10.0.0.1:4000 > 10.0.0.2:80
        +0     client CLOSE → SYN_SENT pid=7/curl bound
        +1ms   client SYN_SENT → ESTABLISHED acked=1
        +2ms   client ESTABLISHED → CLOSE err=104 acked=11 sent=10 got=7
        = #1 reset by 1, opener 0, closed first 1, lasted 2ms, established 1ms, teardown 0ns, whole
        = 10.0.0.1:4000 CLOSE curl, handshake 1ms, payload 10, 0 again
        = 10.0.0.2:80, payload 7",
    );
    // The RST of the one that is destroyed arrives before its own end is emitted.
    judge(
        "client = 127.0.0.1:4000 > 127.0.0.1:80
        server = 127.0.0.1:80 > 127.0.0.1:4000
        opened client server
        +1s    client ESTABLISHED → CLOSE err=104
        +1s    server ESTABLISHED → CLOSE err=103
        = #1 destroyed, opener 0, closed first 1, lasted 1s, established 999.94ms, teardown 0ns, whole
        = 127.0.0.1:4000 CLOSE curl, handshake 60µs
        = 127.0.0.1:80 CLOSE",
    );
}

#[test]
fn it_never_opened() {
    for (words, ended) in [
        ("err=111", "refused"),
        ("err=110 resent=6", "timed_out"),
        ("err=113", "unreachable"),
        ("err=99", "error"),
        ("pid=7/curl close", "abandoned"),
    ] {
        let again = if words.contains("resent") { ", payload 0, 6 again" } else { "" };
        let peer = if words.contains("resent") { ", payload 0" } else { "" };
        judge(&format!(
            "client = 10.0.0.1:4000 > 10.0.0.2:80
            +0     client CLOSE → SYN_SENT pid=7/curl bound
            +1ms   client SYN_SENT → CLOSE {words}
            = #1 {ended}, opener 0, lasted 1ms, whole
            = 10.0.0.1:4000 CLOSE curl{again}
            = 10.0.0.2:80{peer}",
        ));
    }
}

#[test]
fn only_one_end_ever_closes() {
    judge(
        "sees minisockets
        client = 10.0.0.1:4000 > 10.0.0.2:80
        +0     client CLOSE → SYN_SENT pid=7/curl bound
        +1ms   client SYN_SENT → ESTABLISHED
        +1s    client ESTABLISHED → FIN_WAIT1 pid=7/curl kill=2
        +1s    client FIN_WAIT1 → FIN_WAIT2 orphan acked=2
        +1s    client minisocket started in=FIN_WAIT2
        +1s    client FIN_WAIT2 → CLOSE orphan
        +61s   client minisocket expired in=FIN_WAIT2
        = #1 half_closed, opener 0, closed first 0, lasted 61s, established 999ms, half-closed 60s, teardown 60s, whole
        = 10.0.0.1:4000 CLOSE curl, handshake 1ms, payload 0, 0 again
        = 10.0.0.2:80",
    );
}

#[test]
fn what_is_open_at_the_end_is_told_as_it_is() {
    judge(
        "sees minisockets
        client = 127.0.0.1:4000 > 127.0.0.1:80
        server = 127.0.0.1:80 > 127.0.0.1:4000
        opened client server
        +40s   server ESTABLISHED → FIN_WAIT1 pid=8/nginx kill=2
        +40s   client ESTABLISHED → CLOSE_WAIT got=8
        +40s   server FIN_WAIT1 → FIN_WAIT2 orphan acked=8
        +40s   server minisocket started in=FIN_WAIT2
        +40s   server FIN_WAIT2 → CLOSE orphan
        = #1 open, opener 0, closed first 1, lasted 100s, established 39.99994s, half-closed 60s, whole
        = 127.0.0.1:4000 CLOSE_WAIT curl, handshake 60µs, 0 again
        = 127.0.0.1:80 FIN_WAIT2 nginx, payload 7, 0 again",
    );
}

/// The server closes with unread data: its CLOSE comes before the RST that ends the client's orphan.
#[test]
fn the_summary_comes_after_the_last_step() {
    judge(
        "sees minisockets
        client = 127.0.0.1:4000 > 127.0.0.1:80
        server = 127.0.0.1:80 > 127.0.0.1:4000
        opened client server
        +1s    client ESTABLISHED → FIN_WAIT1 pid=7/curl close
        +1s    server ESTABLISHED → CLOSE_WAIT
        +1s    client FIN_WAIT1 → FIN_WAIT2 orphan
        +1s    client minisocket started in=FIN_WAIT2
        +1s    client FIN_WAIT2 → CLOSE orphan
        +2s    server CLOSE_WAIT → CLOSE pid=8/nginx close
        +3s    client minisocket stopped in=FIN_WAIT2
        = #1 reset by 1, opener 0, closed first 0, lasted 3s, established 999.94ms, half-closed 2s, teardown 2s, whole
        = 127.0.0.1:4000 CLOSE curl, handshake 60µs
        = 127.0.0.1:80 CLOSE nginx",
    );
}

#[test]
fn what_is_missing_is_said() {
    judge(
        "far = 10.0.0.1:4000 > 10.0.0.2:80
        found far ESTABLISHED pid=7/curl
        +1s    far ESTABLISHED → CLOSE_WAIT got=11 sent=4 acked=4
        +2s    far CLOSE_WAIT → LAST_ACK pid=7/curl close
        +3s    far LAST_ACK → CLOSE got=11 sent=4 acked=6 resent=1
        = #1 in_order, closed first 1, half-closed 1s, teardown 2s, joined_midway
        = 10.0.0.1:4000 CLOSE curl, 1 again
        = 10.0.0.2:80, payload 10",
    );
    judge(
        "far = 10.0.0.1:4000 > 10.0.0.2:80
        +0     far CLOSE → SYN_SENT pid=7/curl bound
        +1ms   far SYN_SENT → ESTABLISHED
        +2s    far CLOSE_WAIT → LAST_ACK pid=7/curl close
        +3s    far LAST_ACK → CLOSE
        = #1 in_order, opener 0, closed first 1, lasted 3s, lost_events
        = 10.0.0.1:4000 CLOSE curl, handshake 1ms
        = 10.0.0.2:80",
    );
}

/// Linux never takes this step; a recording may say so, and then it is one end all the same.
#[test]
fn a_socket_that_is_its_own_peer_has_one_end() {
    judge(
        "self = 127.0.0.1:4000 > 127.0.0.1:4000
        +0     self CLOSE → SYN_RECV
        = #1 open, opener 0, lasted 100s, whole
        = 127.0.0.1:4000 SYN_RECV",
    );
}
