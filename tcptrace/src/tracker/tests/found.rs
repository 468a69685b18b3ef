//! Sockets that existed before the trace.

use super::notation::ladder;

/// A socket's first event shows its place in memory.
#[test]
fn emitted_once_and_followed() {
    ladder(
        "
        listener = 0.0.0.0:80 > *
        client = 127.0.0.1:4000 > 127.0.0.1:80
        server = 127.0.0.1:80 > 127.0.0.1:4000
        found  listener LISTEN  pid=5/httpd
            = listener  LISTEN  httpd:5(procfs)
        found  server   ESTABLISHED  pid=6/worker
            = server#1  ESTABLISHED  worker:6(procfs)
        found  client   ESTABLISHED  pid=7/curl
            = client#1  ESTABLISHED  curl:7(procfs)
        +1ms   client  ESTABLISHED → FIN_WAIT1  pid=7/curl close
            = client#1  ESTABLISHED → FIN_WAIT1  curl:7(syscall)  call  Close
        +2ms   server  ESTABLISHED → CLOSE_WAIT
            = server#1  ESTABLISHED → CLOSE_WAIT  worker:6(procfs)  FinReceived
        +3ms   server  CLOSE_WAIT → LAST_ACK  pid=6/worker close
            = server#1  CLOSE_WAIT → LAST_ACK  worker:6(syscall)  call  Close  after 1ms
        ",
    );
}

/// A socket is emitted as before its first change; not at all if its life began since.
#[test]
fn changes_while_they_are_dumped() {
    ladder(
        "
        old = 127.0.0.1:80 > 10.0.0.1:4000
        new = 127.0.0.1:80 > 10.0.0.1:4001
        still = 127.0.0.1:80 > 10.0.0.1:4002
        gone = 127.0.0.1:80 > 10.0.0.1:4003
        attached
        +1us   old   ESTABLISHED → CLOSE_WAIT
        +2us   new   LISTEN → SYN_RECV
        +3us   new   SYN_RECV → ESTABLISHED
        +4us   gone  LAST_ACK → CLOSE
        found  old   CLOSE_WAIT  pid=6/a
        found  new   ESTABLISHED pid=6/a
        found  still ESTABLISHED pid=6/a
        dumped
            = old#1  ESTABLISHED  a:6(procfs)
            = still#2  ESTABLISHED  a:6(procfs)
            = old#1  ESTABLISHED → CLOSE_WAIT  a:6(procfs)  FinReceived
            = new#3  LISTEN → SYN_RECV
            = new#3  SYN_RECV → ESTABLISHED  after 1µs
            = gone#4  LAST_ACK → CLOSE
        ",
    );
}

/// A child's first event before Linux 6.15 does not say which cookie it will have.
#[test]
fn a_life_that_began_under_another_name() {
    ladder(
        "
        listener = 0.0.0.0:80 > *
        server = 127.0.0.1:80 > 127.0.0.1:4000
        attached
        +1us   server  LISTEN → SYN_RECV  as=listener
        +2us   server  SYN_RECV → ESTABLISHED
        found  listener LISTEN  pid=5/httpd
        found  server   ESTABLISHED  pid=5/httpd
        dumped
            = listener  LISTEN  httpd:5(procfs)
            = server#1  LISTEN → SYN_RECV  httpd:5(listener)
            = server#1  SYN_RECV → ESTABLISHED  httpd:5(listener)  after 1µs
        ",
    );
}

/// Addresses say which socket it is without cookies, and connect() does not know its port yet.
#[test]
fn a_life_that_began_without_a_port() {
    ladder(
        "
        client = 127.0.0.1:4000 > 127.0.0.1:80
        attached
        +1us   client  CLOSE → SYN_SENT  pid=7/curl blind
        +2us   client  SYN_SENT → ESTABLISHED blind
        found  client   ESTABLISHED  pid=7/curl
        dumped
            = ~1[127.0.0.1:80]#1  CLOSE → SYN_SENT  curl:7(syscall)
            = ~1[127.0.0.1:80]#1  SYN_SENT → ESTABLISHED  curl:7(syscall)  after 1µs
        ",
    );
}

/// A socket that was dumped with a port, which no event has shown.
#[test]
fn a_life_that_has_no_port_yet() {
    ladder(
        "
        client = 127.0.0.1:4000 > 10.0.0.1:80
        attached
        +1us   client  CLOSE → SYN_SENT  pid=7/curl blind
        found  client   SYN_SENT  pid=7/curl
        dumped
            = ~1[10.0.0.1:80]#1  CLOSE → SYN_SENT  curl:7(syscall)
        +1ms   client  SYN_SENT → ESTABLISHED  blind
            = ~1[10.0.0.1:80]#1  SYN_SENT → ESTABLISHED  curl:7(syscall)  after 999µs
        ",
    );
}

#[test]
fn without_btf_events_tell_no_namespace() {
    ladder(
        "
        server = 127.0.0.1:80 > 127.0.0.1:4000 netns=3
        attached
        +1us   server  ESTABLISHED → CLOSE_WAIT  blind
        found  server  CLOSE_WAIT  pid=6/a
        dumped
            = server#1  ESTABLISHED  a:6(procfs)
            = server#1  ESTABLISHED → CLOSE_WAIT  a:6(procfs)
        +2us   server  CLOSE_WAIT → LAST_ACK  pid=6/a blind
            = server#1  CLOSE_WAIT → LAST_ACK  a:6(syscall)  after 1µs
        ",
    );
}

/// One socket, connected again elsewhere.
#[test]
fn the_list_shows_a_later_life() {
    ladder(
        "
        before = 127.0.0.1:4000 > 10.0.0.1:80
        later  = 127.0.0.1:4001 > 10.0.0.2:80 cookie=1 at=before
        attached
        +1us   before  ESTABLISHED → CLOSE  pid=7/a
        +2us   later   CLOSE → SYN_SENT  pid=7/a
        found  later   SYN_SENT  pid=7/a
        dumped
            = before#1  ESTABLISHED  a:7(procfs)
            = before#1  ESTABLISHED → CLOSE  a:7(syscall)  call  Abort
            = later#2  CLOSE → SYN_SENT  a:7(syscall)  call
        ",
    );
}

/// A reused port is a connection of its own: what existed before may be gone by now.
#[test]
fn minisockets_are_nobodys_peer() {
    ladder(
        "
        tw      = 127.0.0.1:80 > 127.0.0.1:4000
        fw      = 127.0.0.1:80 > 127.0.0.1:5000
        client  = 127.0.0.1:4000 > 127.0.0.1:80
        client5 = 127.0.0.1:5000 > 127.0.0.1:80
        found  tw     TIME_WAIT
            = tw#1  TIME_WAIT
        found  fw     FIN_WAIT2
            = fw#2  FIN_WAIT2
        +1ms   client5 CLOSE → SYN_SENT  pid=7/curl
            = client5#3  CLOSE → SYN_SENT  curl:7(syscall)  call
        +2ms   client5 SYN_SENT → ESTABLISHED
            = client5#3  SYN_SENT → ESTABLISHED  curl:7(syscall)  after 1ms
        +3ms   client  CLOSE → SYN_SENT  pid=7/curl
            = client#4  CLOSE → SYN_SENT  curl:7(syscall)  call
        +4ms   client  SYN_SENT → ESTABLISHED
            = client#4  SYN_SENT → ESTABLISHED  curl:7(syscall)  after 1ms
        ",
    );
}

/// The article's picture: netstat shows both ends, and one of them has no process.
#[test]
fn an_orphan_and_its_peer_are_a_connection() {
    ladder(
        "
        server = 127.0.0.1:80 > 127.0.0.1:4000
        client = 127.0.0.1:4000 > 127.0.0.1:80
        bound  = 127.0.0.1:6000 > *
        attached
        found  server FIN_WAIT2
        found  client CLOSE_WAIT  pid=7/curl
        # A port without a connection is no life yet.
        found  bound  CLOSE  pid=8/b
        dumped
            = server#1  FIN_WAIT2
            = client#1  CLOSE_WAIT  curl:7(procfs)
        +1s    client  CLOSE_WAIT → LAST_ACK  pid=7/curl kill=2
            = client#1  CLOSE_WAIT → LAST_ACK  curl:7(syscall)  call  Killed { signal: 2 }
        ",
    );
}

/// SO_REUSEPORT without cookies: nobody knows which of them it is.
#[test]
fn two_that_look_the_same() {
    ladder(
        "
        one = 0.0.0.0:80 > * cookie=none
        two = 0.0.0.0:80 > * cookie=none
        found  one  LISTEN  pid=5/httpd
            = ~1[*:*]  LISTEN  httpd:5(procfs)
        found  two  LISTEN  pid=6/httpd
            = ~2[*:*]  LISTEN  httpd:6(procfs)
        +1s    two  LISTEN → CLOSE  blind
            = ~3[*:*]  LISTEN → CLOSE
        ",
    );
}
