//! Connections that end otherwise: with a reset, an error, or before they began.

use super::notation::ladder;

#[test]
fn refused() {
    ladder(
        "
        client = 127.0.0.1:4000 > 127.0.0.1:80
        server = 127.0.0.1:80 > 127.0.0.1:4000
        +0     client  CLOSE → SYN_SENT  pid=7/curl
            = client#1  CLOSE → SYN_SENT  curl:7(syscall)  call
        +50us  client  SYN_SENT → CLOSE  pid=7/curl err=111
            = client#1  SYN_SENT → CLOSE  curl:7(syscall)  call  Refused  after 50µs
        # The next try with the same socket is another connection.
        +1s    client  CLOSE → SYN_SENT  pid=7/curl
            = client#2  CLOSE → SYN_SENT  curl:7(syscall)  call
        +1s    client  SYN_SENT → CLOSE  err=110
            = client#2  SYN_SENT → CLOSE  curl:7(syscall)  TimedOut  after 0ns
        +2s    client  CLOSE → SYN_SENT  pid=7/curl
            = client#3  CLOSE → SYN_SENT  curl:7(syscall)  call
        +3s    client  SYN_SENT → CLOSE  err=113
            = client#3  SYN_SENT → CLOSE  curl:7(syscall)  Unreachable { errno: 113 }  after 1s
        +4s    client  CLOSE → SYN_SENT  pid=7/curl
            = client#4  CLOSE → SYN_SENT  curl:7(syscall)  call
        +5s    client  SYN_SENT → CLOSE  pid=7/curl kill=9
            = client#4  SYN_SENT → CLOSE  curl:7(syscall)  call  Killed { signal: 9 }  after 1s
        ",
    );
}

/// A `connect()` for which no port was free (tcp_v4_connect undoes its step): nobody shut anything down.
#[test]
fn a_connect_that_fails_is_no_shutdown() {
    ladder(
        "
        client = 127.0.0.1:4000 > 127.0.0.1:80
        server = 127.0.0.1:80 > 127.0.0.1:4000
        +0     client  CLOSE → SYN_SENT  pid=7/curl
            = client#1  CLOSE → SYN_SENT  curl:7(syscall)  call
        +1us   client  SYN_SENT → CLOSE  pid=7/curl
            = client#1  SYN_SENT → CLOSE  curl:7(syscall)  call  after 1µs
        ",
    );
}

/// The end that sends the RST aborts, the other one receives it.
#[test]
fn a_reset() {
    ladder(
        "
        client = 127.0.0.1:4000 > 127.0.0.1:80
        server = 127.0.0.1:80 > 127.0.0.1:4000
        opened client server
        +1ms   client  ESTABLISHED → CLOSE  pid=7/curl close
            = client#1  ESTABLISHED → CLOSE  curl:7(syscall)  call  Abort  after 940µs
        +1ms   server  ESTABLISHED → CLOSE  task=7/curl err=104
            = server#1  ESTABLISHED → CLOSE  ResetReceived  after 929µs
        ",
    );
}

/// A reset in CLOSE_WAIT is EPIPE.
#[test]
fn a_reset_after_the_fin() {
    ladder(
        "
        client = 127.0.0.1:4000 > 127.0.0.1:80
        server = 127.0.0.1:80 > 127.0.0.1:4000
        opened client server
        +1ms   client  ESTABLISHED → FIN_WAIT1  pid=7/curl
            = client#1  ESTABLISHED → FIN_WAIT1  curl:7(syscall)  call  Shutdown { both: false }  after 940µs
        +1ms   server  ESTABLISHED → CLOSE_WAIT
            = server#1  ESTABLISHED → CLOSE_WAIT  FinReceived  after 929µs
        +2ms   client  FIN_WAIT1 → FIN_WAIT2
            = client#1  FIN_WAIT1 → FIN_WAIT2  curl:7(syscall)  after 1ms
        +3ms   client  FIN_WAIT2 → CLOSE  pid=7/curl close
            = client#1  FIN_WAIT2 → CLOSE  curl:7(syscall)  call  Abort  after 1ms
        +3ms   server  CLOSE_WAIT → CLOSE  err=32
            = server#1  CLOSE_WAIT → CLOSE  ResetReceived  after 2ms
        ",
    );
}

/// `__tcp_close` sends the FIN, makes an orphan, and finds that there are too many. So does the timer of
/// one (tcp_out_of_resources), which drops those of a namespace that is gone too.
#[test]
fn an_orphan_too_many() {
    ladder(
        "
        client = 127.0.0.1:4000 > 127.0.0.1:80
        server = 127.0.0.1:80 > 127.0.0.1:4000
        opened client server
        +1ms   client  ESTABLISHED → FIN_WAIT1  pid=7/curl close
            = client#1  ESTABLISHED → FIN_WAIT1  curl:7(syscall)  call  Close  after 940µs
        +1ms   client  FIN_WAIT1 → CLOSE  pid=7/curl orphan
            = client#1  FIN_WAIT1 → CLOSE  curl:7(syscall)  call  OrphanLimit  after 0ns
        +1ms   server  ESTABLISHED → FIN_WAIT1  pid=5/httpd close
            = server#1  ESTABLISHED → FIN_WAIT1  httpd:5(syscall)  call  Close  after 929µs
        +2ms   server  FIN_WAIT1 → CLOSE  orphan used
            = server#1  FIN_WAIT1 → CLOSE  httpd:5(syscall)  OrphanLimit  after 1ms
        third = 127.0.0.1:4001 > 127.0.0.1:80
        +3ms   third   ESTABLISHED → FIN_WAIT1  pid=7/curl close
            = third#2  ESTABLISHED → FIN_WAIT1  curl:7(syscall)  call  Close
        +4ms   third   FIN_WAIT1 → CLOSE  orphan
            = third#2  FIN_WAIT1 → CLOSE  curl:7(syscall)  after 1ms
        ",
    );
}

#[test]
fn the_end_of_the_process_says_more_than_abort() {
    ladder(
        "
        client = 127.0.0.1:4000 > 127.0.0.1:80
        server = 127.0.0.1:80 > 127.0.0.1:4000
        opened client server
        +1ms   client  ESTABLISHED → CLOSE  pid=7/curl kill=9
            = client#1  ESTABLISHED → CLOSE  curl:7(syscall)  call  Killed { signal: 9 }  after 940µs
        +1ms   server  ESTABLISHED → CLOSE  pid=5/httpd exit=0
            = server#1  ESTABLISHED → CLOSE  httpd:5(syscall)  call  Exit  after 929µs
        ",
    );
}

/// Nobody fetched the EHOSTUNREACH of IP_RECVERR; then close() with SO_LINGER 0.
#[test]
fn an_old_error_does_not_end_a_connection() {
    ladder(
        "
        client = 127.0.0.1:4000 > 127.0.0.1:80
        server = 127.0.0.1:80 > 127.0.0.1:4000
        opened client server
        +1ms   client  ESTABLISHED → CLOSE  pid=7/curl close err=113
            = client#1  ESTABLISHED → CLOSE  curl:7(syscall)  call  Abort  after 940µs
        +2ms   server  ESTABLISHED → CLOSE  pid=5/httpd err=104
            = server#1  ESTABLISHED → CLOSE  httpd:5(syscall)  call  ResetReceived  after 1.929ms
        ",
    );
}

/// ECONNREFUSED is a soft error here (tcp_write_err), not a reset.
#[test]
fn errors_of_open_connections() {
    ladder(
        "
        client = 127.0.0.1:4000 > 127.0.0.1:80
        server = 127.0.0.1:80 > 127.0.0.1:4000
        opened client server
        +1s    client  ESTABLISHED → CLOSE  err=111
            = client#1  ESTABLISHED → CLOSE  curl:7(syscall)  Error { errno: 111 }  after 999.94ms
        +2s    server  ESTABLISHED → CLOSE  err=110
            = server#1  ESTABLISHED → CLOSE  TimedOut  after 1.999929s
        ",
    );
}

/// The killer holds the socket, but it is not its owner.
#[test]
fn destroyed_from_outside() {
    ladder(
        "
        client = 127.0.0.1:4000 > 127.0.0.1:80
        server = 127.0.0.1:80 > 127.0.0.1:4000
        opened client server
        +1s    client  ESTABLISHED → CLOSE  pid=99/ss err=103
            = client#1  ESTABLISHED → CLOSE  curl:7(syscall)  call  Destroyed  after 999.94ms
        +2s    server  ESTABLISHED → FIN_WAIT1  pid=5/httpd close
            = server#1  ESTABLISHED → FIN_WAIT1  httpd:5(syscall)  call  Close  after 1.999929s
        +3s    server  FIN_WAIT1 → CLOSE  pid=99/ss orphan err=103
            = server#1  FIN_WAIT1 → CLOSE  httpd:5(syscall)  call  Destroyed  after 1s
        ",
    );
}

/// The end of a listener without a closed descriptor may be shutdown(), a listen() that fails, or `ss -K`: no cause.
#[test]
fn a_listener_ends() {
    ladder(
        "
        one = 0.0.0.0:80 > *
        two = 0.0.0.0:81 > *
        +0     one  CLOSE → LISTEN  pid=5/httpd
            = one  CLOSE → LISTEN  httpd:5(syscall)  call
        +1us   one  LISTEN → CLOSE  pid=5/httpd
            = one  LISTEN → CLOSE  httpd:5(syscall)  call  after 1µs
        +0     two  CLOSE → LISTEN  pid=6/sshd
            = two  CLOSE → LISTEN  sshd:6(syscall)  call
        +2s    two  LISTEN → CLOSE  pid=99/ss
            = two  LISTEN → CLOSE  sshd:6(syscall)  call  after 2s
        +3s    one  CLOSE → LISTEN  pid=5/httpd
            = one  CLOSE → LISTEN  httpd:5(syscall)  call
        +4s    one  LISTEN → CLOSE  pid=5/httpd close
            = one  LISTEN → CLOSE  httpd:5(syscall)  call  Close  after 1s
        ",
    );
}
