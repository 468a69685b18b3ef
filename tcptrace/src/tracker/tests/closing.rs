//! Connections that end in order.

use super::notation::ladder;

#[test]
fn the_client_closes_first() {
    ladder(
        "
        listener = 0.0.0.0:80 > *
        client = 127.0.0.1:4000 > 127.0.0.1:80
        server = 127.0.0.1:80 > 127.0.0.1:4000
        +0     listener  CLOSE → LISTEN  pid=5/httpd
            = listener  CLOSE → LISTEN  httpd:5(syscall)  call
        +0     client  CLOSE → SYN_SENT  pid=7/curl
            = client#1  CLOSE → SYN_SENT  curl:7(syscall)  call
        +60us  client  SYN_SENT → ESTABLISHED  pid=7/curl
            = client#1  SYN_SENT → ESTABLISHED  curl:7(syscall)  call  after 60µs
        +70us  server  LISTEN → SYN_RECV  task=7/curl
            = server#1  LISTEN → SYN_RECV  httpd:5(listener)
        +71us  server  SYN_RECV → ESTABLISHED  task=7/curl
            = server#1  SYN_RECV → ESTABLISHED  httpd:5(listener)  after 1µs
        +1ms   client  ESTABLISHED → FIN_WAIT1  pid=7/curl close
            = client#1  ESTABLISHED → FIN_WAIT1  curl:7(syscall)  call  Close  after 940µs
        +2ms   server  ESTABLISHED → CLOSE_WAIT  task=7/curl
            = server#1  ESTABLISHED → CLOSE_WAIT  httpd:5(listener)  FinReceived  after 1.929ms
        +3ms   server  CLOSE_WAIT → LAST_ACK  pid=5/httpd close
            = server#1  CLOSE_WAIT → LAST_ACK  httpd:5(syscall)  call  Close  after 1ms
        +4ms   client  FIN_WAIT1 → FIN_WAIT2  task=5/httpd orphan
            = client#1  FIN_WAIT1 → FIN_WAIT2  curl:7(syscall)  after 3ms
        +4ms   client  FIN_WAIT2 → CLOSE  task=5/httpd orphan fin
            = client#1  FIN_WAIT2 → TIME_WAIT  curl:7(syscall)  inferred:fin_received  FinReceived  after 0ns
        +5ms   server  LAST_ACK → CLOSE  pid=5/httpd close
            = server#1  LAST_ACK → CLOSE  httpd:5(syscall)  call  after 2ms
        +6ms   listener  LISTEN → CLOSE  pid=5/httpd exit=0
            = listener  LISTEN → CLOSE  httpd:5(syscall)  call  Exit  after 6ms
        ",
    );
}

/// The ACK ends CLOSING, not the FIN that led into it.
#[test]
fn both_close_at_once() {
    ladder(
        "
        client = 127.0.0.1:4000 > 127.0.0.1:80
        server = 127.0.0.1:80 > 127.0.0.1:4000
        opened client server
        +1ms   client  ESTABLISHED → FIN_WAIT1  pid=7/curl close
            = client#1  ESTABLISHED → FIN_WAIT1  curl:7(syscall)  call  Close  after 940µs
        +1ms   server  ESTABLISHED → FIN_WAIT1  pid=5/httpd kill=15
            = server#1  ESTABLISHED → FIN_WAIT1  httpd:5(syscall)  call  Killed { signal: 15 }  after 929µs
        +2ms   client  FIN_WAIT1 → CLOSING  orphan fin
            = client#1  FIN_WAIT1 → CLOSING  curl:7(syscall)  FinReceived  after 1ms
        +2ms   server  FIN_WAIT1 → CLOSING  orphan fin
            = server#1  FIN_WAIT1 → CLOSING  httpd:5(syscall)  FinReceived  after 1ms
        +3ms   client  CLOSING → CLOSE  orphan fin
            = client#1  CLOSING → TIME_WAIT  curl:7(syscall)  inferred:fin_received  after 1ms
        +4ms   server  CLOSING → CLOSE  orphan fin err=104
            = server#1  CLOSING → CLOSE  httpd:5(syscall)  ResetReceived  after 2ms
        ",
    );
}

/// shutdown() leaves the process in charge: FIN_WAIT2 lasts until the peer's FIN.
#[test]
fn half_close() {
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
        +9s    server  CLOSE_WAIT → LAST_ACK  pid=5/httpd rd
            = server#1  CLOSE_WAIT → LAST_ACK  httpd:5(syscall)  call  Shutdown { both: true }  after 8.999s
        +9s    client  FIN_WAIT2 → CLOSE  fin
            = client#1  FIN_WAIT2 → TIME_WAIT  curl:7(syscall)  inferred:fin_received  FinReceived  after 8.998s
        +9s    server  LAST_ACK → CLOSE
            = server#1  LAST_ACK → CLOSE  httpd:5(syscall)  after 0ns
        ",
    );
}

/// The server's process is gone, the client's still reads: no FIN yet, so no TIME_WAIT.
#[test]
fn an_orphan_waits_on() {
    ladder(
        "
        client = 127.0.0.1:4000 > 127.0.0.1:80
        server = 127.0.0.1:80 > 127.0.0.1:4000
        opened client server
        +1ms   server  ESTABLISHED → FIN_WAIT1  pid=5/httpd kill=2
            = server#1  ESTABLISHED → FIN_WAIT1  httpd:5(syscall)  call  Killed { signal: 2 }  after 929µs
        +1ms   client  ESTABLISHED → CLOSE_WAIT
            = client#1  ESTABLISHED → CLOSE_WAIT  curl:7(syscall)  FinReceived  after 940µs
        +41ms  server  FIN_WAIT1 → FIN_WAIT2  orphan
            = server#1  FIN_WAIT1 → FIN_WAIT2  httpd:5(syscall)  after 40ms
        +41ms  server  FIN_WAIT2 → CLOSE  orphan
            = server#1  FIN_WAIT2 orphaned  httpd:5(syscall)
        +9s    client  CLOSE_WAIT → LAST_ACK  pid=7/curl kill=2
            = client#1  CLOSE_WAIT → LAST_ACK  curl:7(syscall)  call  Killed { signal: 2 }  after 8.999s
        +9s    client  LAST_ACK → CLOSE
            = client#1  LAST_ACK → CLOSE  curl:7(syscall)  after 0ns
        ",
    );
}

/// An ICMP message leaves its errno in sk_err with IP_RECVERR; the FIN came all the same.
#[test]
fn time_wait_whatever_error_is_left() {
    ladder(
        "
        client = 127.0.0.1:4000 > 127.0.0.1:80
        server = 127.0.0.1:80 > 127.0.0.1:4000
        opened client server
        +1ms   client  ESTABLISHED → FIN_WAIT1  pid=7/curl
            = client#1  ESTABLISHED → FIN_WAIT1  curl:7(syscall)  call  Shutdown { both: false }  after 940µs
        +2ms   client  FIN_WAIT1 → FIN_WAIT2
            = client#1  FIN_WAIT1 → FIN_WAIT2  curl:7(syscall)  after 1ms
        +3ms   client  FIN_WAIT2 → CLOSE  fin err=113
            = client#1  FIN_WAIT2 → TIME_WAIT  curl:7(syscall)  inferred:fin_received  FinReceived  after 1ms
        +4ms   server  CLOSE_WAIT → LAST_ACK  pid=5/httpd close
            = server#1  ESTABLISHED → CLOSE_WAIT  inferred:continuity
            = server#1  CLOSE_WAIT → LAST_ACK  httpd:5(syscall)  call  Close
        +4ms   server  LAST_ACK → CLOSE  err=104
            = server#1  LAST_ACK → CLOSE  httpd:5(syscall)  ResetReceived  after 0ns
        ",
    );
}
