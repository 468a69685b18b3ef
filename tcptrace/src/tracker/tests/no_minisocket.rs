//! Sockets for which the kernel makes no minisocket: what may be concluded from there being none, and what not.

use super::notation::ladder;

/// A socket is closed at once while `tcp_max_tw_buckets` are there; that is concluded, so only where a minisocket would
/// have been seen.
#[test]
fn no_room_for_time_wait() {
    ladder(
        "sees minisockets
        knows minisockets +1ms
        client = 127.0.0.1:4000 > 127.0.0.1:80
        server = 127.0.0.1:80 > 127.0.0.1:4000
        early = 127.0.0.1:5000 > 127.0.0.1:80
        strange = 127.0.0.1:6000 > 127.0.0.1:80
        found early FIN_WAIT2
            = early#1  FIN_WAIT2
        +500us early FIN_WAIT2 → CLOSE fin orphan
            = early#1  FIN_WAIT2 → TIME_WAIT  inferred:fin_received  FinReceived
        opened client server
        +1s    client ESTABLISHED → FIN_WAIT1 pid=7/curl close
            = client#2  ESTABLISHED → FIN_WAIT1  curl:7(syscall)  call  Close  after 999.94ms
        +1s    client FIN_WAIT1 → FIN_WAIT2 orphan
            = client#2  FIN_WAIT1 → FIN_WAIT2  curl:7(syscall)  after 0ns
        +2s    client FIN_WAIT2 → CLOSE fin orphan
            = client#2  FIN_WAIT2 → CLOSE  curl:7(syscall)  TimeWaitLimit  after 1s
        # The timer could not be put to a socket that nobody knew.
        +3s    strange FIN_WAIT2 → CLOSE fin orphan
            = strange#3  FIN_WAIT2 → TIME_WAIT  inferred:fin_received  FinReceived",
    );
}

/// Sockets where both sides closed at once: with our FIN not acknowledged, or not even sent, somebody gave it up.
#[test]
fn no_room_for_time_wait_after_closing() {
    ladder(
        "sees minisockets
        knows minisockets +0
        client = 127.0.0.1:4000 > 127.0.0.1:80
        slow = 127.0.0.1:5000 > 127.0.0.1:80
        full = 127.0.0.1:6000 > 127.0.0.1:80
        found client FIN_WAIT1
            = client#1  FIN_WAIT1
        found slow FIN_WAIT1
            = slow#2  FIN_WAIT1
        found full FIN_WAIT1
            = full#3  FIN_WAIT1
        +1s    client FIN_WAIT1 → CLOSING
            = client#1  FIN_WAIT1 → CLOSING  FinReceived
        +1s    slow FIN_WAIT1 → CLOSING
            = slow#2  FIN_WAIT1 → CLOSING  FinReceived
        +1s    full FIN_WAIT1 → CLOSING
            = full#3  FIN_WAIT1 → CLOSING  FinReceived
        +2s    client CLOSING → CLOSE acknowledged
            = client#1  CLOSING → CLOSE  TimeWaitLimit  after 1s
        +2s    slow CLOSING → CLOSE unacknowledged
            = slow#2  CLOSING → CLOSE  after 1s
        +2s    full CLOSING → CLOSE unsent
            = full#3  CLOSING → CLOSE  after 1s",
    );
}

/// A missing minisocket says nothing where no timer is seen of any.
#[test]
fn without_timers_a_minisocket_is_concluded() {
    ladder(
        "knows minisockets +0
        client = 127.0.0.1:4000 > 127.0.0.1:80
        server = 127.0.0.1:80 > 127.0.0.1:4000
        opened client server
        +1s    client ESTABLISHED → FIN_WAIT1 pid=7/curl close
            = client#1  ESTABLISHED → FIN_WAIT1  curl:7(syscall)  call  Close  after 999.94ms
        +1s    client FIN_WAIT1 → FIN_WAIT2 orphan
            = client#1  FIN_WAIT1 → FIN_WAIT2  curl:7(syscall)  after 0ns
        +2s    client FIN_WAIT2 → CLOSE fin orphan
            = client#1  FIN_WAIT2 → TIME_WAIT  curl:7(syscall)  inferred:fin_received  FinReceived  after 1s",
    );
}

/// An orphan would wait for the FIN as a minisocket, but there is none. Why is not known: TCP_LINGER2, late data, or
/// no room.
#[test]
fn an_orphan_without_a_minisocket() {
    ladder(
        "sees minisockets
        knows minisockets +0
        client = 127.0.0.1:4000 > 127.0.0.1:80
        found client FIN_WAIT1
            = client#1  FIN_WAIT1
        +1s    client FIN_WAIT1 → FIN_WAIT2 orphan
            = client#1  FIN_WAIT1 → FIN_WAIT2
        +1s    client FIN_WAIT2 → CLOSE orphan
            = client#1  FIN_WAIT2 → CLOSE  after 0ns",
    );
}
