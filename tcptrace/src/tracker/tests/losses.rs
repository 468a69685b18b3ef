//! Events that are lost, come twice or in the wrong order, and places in memory that are used again.

use super::notation::ladder;

#[test]
fn a_gap_is_emitted_as_one() {
    ladder(
        "
        client = 127.0.0.1:4000 > 127.0.0.1:80
        server = 127.0.0.1:80 > 127.0.0.1:4000
        opened client server
        # ESTABLISHED → FIN_WAIT1 is lost.
        +2ms   client  FIN_WAIT1 → FIN_WAIT2  orphan
            = client#1  ESTABLISHED → FIN_WAIT1  curl:7(syscall)  inferred:continuity
            = client#1  FIN_WAIT1 → FIN_WAIT2  curl:7(syscall)
        +3ms   client  FIN_WAIT2 → CLOSE  orphan fin
            = client#1  FIN_WAIT2 → TIME_WAIT  curl:7(syscall)  inferred:fin_received  FinReceived  after 1ms
        ",
    );
}

/// A life that is met in its middle: nothing is known of what was before, and nothing is claimed.
#[test]
fn met_in_the_middle() {
    ladder(
        "
        client = 127.0.0.1:4000 > 127.0.0.1:80
        server = 127.0.0.1:80 > 127.0.0.1:4000
        +1ms   client  ESTABLISHED → CLOSE_WAIT
            = client#1  ESTABLISHED → CLOSE_WAIT  FinReceived
        +2ms   client  CLOSE_WAIT → LAST_ACK  pid=7/curl close
            = client#1  CLOSE_WAIT → LAST_ACK  curl:7(syscall)  call  Close  after 1ms
        ",
    );
}

/// An event that comes twice begins the second time where the socket no longer is.
#[test]
fn twice() {
    ladder(
        "
        client = 127.0.0.1:4000 > 127.0.0.1:80
        server = 127.0.0.1:80 > 127.0.0.1:4000
        opened client server
        +1ms   client  ESTABLISHED → FIN_WAIT1  pid=7/curl close
            = client#1  ESTABLISHED → FIN_WAIT1  curl:7(syscall)  call  Close  after 940µs
        +1ms   client  ESTABLISHED → FIN_WAIT1  pid=7/curl close
            = client#1  FIN_WAIT1 → ESTABLISHED  curl:7(syscall)  inferred:continuity  illegal
            = client#1  ESTABLISHED → FIN_WAIT1  curl:7(syscall)  call  Close
        ",
    );
}

/// A step has lasted 0 if times go backwards.
#[test]
fn in_the_wrong_order() {
    ladder(
        "
        client = 127.0.0.1:4000 > 127.0.0.1:80
        server = 127.0.0.1:80 > 127.0.0.1:4000
        opened client server
        +2ms   client  FIN_WAIT1 → FIN_WAIT2  orphan
            = client#1  ESTABLISHED → FIN_WAIT1  curl:7(syscall)  inferred:continuity
            = client#1  FIN_WAIT1 → FIN_WAIT2  curl:7(syscall)
        +1ms   client  ESTABLISHED → FIN_WAIT1  pid=7/curl close
            = client#1  FIN_WAIT2 → ESTABLISHED  curl:7(syscall)  inferred:continuity  illegal
            = client#1  ESTABLISHED → FIN_WAIT1  curl:7(syscall)  call  Close
        ",
    );
}

/// An impossible step is emitted as it came: the state machine does not overrule the kernel.
#[test]
fn a_step_that_no_kernel_takes() {
    ladder(
        "
        client = 127.0.0.1:4000 > 127.0.0.1:80
        server = 127.0.0.1:80 > 127.0.0.1:4000
        opened client server
        +1ms   client  ESTABLISHED → SYN_SENT
            = client#1  ESTABLISHED → SYN_SENT  curl:7(syscall)  illegal  after 940µs
        +2ms   client  SYN_SENT → ESTABLISHED
            = client#1  SYN_SENT → ESTABLISHED  curl:7(syscall)  after 1ms
        ",
    );
}

/// A new cookie in the same place is another socket: the first one has ended unseen.
#[test]
fn a_place_used_again() {
    ladder(
        "
        first  = 127.0.0.1:80 > 10.0.0.1:4000
        second = 127.0.0.1:80 > 10.0.0.1:4001 at=first
        third  = 127.0.0.1:80 > 10.0.0.1:4002 at=first
        +1ms   first   LISTEN → SYN_RECV
            = first#1  LISTEN → SYN_RECV
        +1ms   first   SYN_RECV → ESTABLISHED
            = first#1  SYN_RECV → ESTABLISHED  after 0ns
        +2ms   second  LISTEN → SYN_RECV
            = first#1  ESTABLISHED → CLOSE  inferred:continuity
            = second#2  LISTEN → SYN_RECV
        +3ms   third   SYN_RECV → ESTABLISHED
            = second#2  SYN_RECV → CLOSE  inferred:continuity
            = third#3  SYN_RECV → ESTABLISHED
        ",
    );
}

/// Other ends in the same place are another socket, even if its beginning is lost: no owner is carried over.
#[test]
fn a_place_used_again_without_cookies() {
    ladder(
        "
        first  = 127.0.0.1:4000 > 10.0.0.1:80 cookie=none
        second = 127.0.0.1:4001 > 10.0.0.1:80 cookie=none at=first
        third  = 127.0.0.1:80 > 10.0.0.1:4002 cookie=none at=first
        +1ms   first   CLOSE → SYN_SENT  pid=7/curl
            = ~1[10.0.0.1:80]#1  CLOSE → SYN_SENT  curl:7(syscall)  call
        +1ms   first   SYN_SENT → ESTABLISHED
            = ~1[10.0.0.1:80]#1  SYN_SENT → ESTABLISHED  curl:7(syscall)  after 0ns
        +2ms   second  CLOSE → SYN_SENT  pid=8/wget
            = ~1[10.0.0.1:80]#1  ESTABLISHED → CLOSE  curl:7(syscall)  inferred:continuity
            = ~2[10.0.0.1:80]#2  CLOSE → SYN_SENT  wget:8(syscall)  call
        +2ms   second  SYN_SENT → ESTABLISHED
            = ~2[10.0.0.1:80]#2  SYN_SENT → ESTABLISHED  wget:8(syscall)  after 0ns
        +3ms   third   SYN_RECV → ESTABLISHED
            = ~2[10.0.0.1:80]#2  ESTABLISHED → CLOSE  wget:8(syscall)  inferred:continuity
            = ~3[10.0.0.1:4002]#3  SYN_RECV → ESTABLISHED
        ",
    );
}

/// A socket's old place would be nobody's if a kernel moved it, which none does.
#[test]
fn a_cookie_at_another_place() {
    ladder(
        "
        here  = 127.0.0.1:80 > 10.0.0.1:4000
        there = 127.0.0.1:80 > 10.0.0.1:4000 cookie=1
        +1ms   here   LISTEN → SYN_RECV
            = here#1  LISTEN → SYN_RECV
        +2ms   there  SYN_RECV → ESTABLISHED
            = here#1  SYN_RECV → ESTABLISHED  after 1ms
        +3ms   there  ESTABLISHED → CLOSE_WAIT
            = here#1  ESTABLISHED → CLOSE_WAIT  FinReceived  after 1ms
        ",
    );
}
