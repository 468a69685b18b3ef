//! Children before Linux 6.15: the first event has the listener's cookie and addresses.

use super::notation::ladder;

#[test]
fn held_back_until_it_is_complete() {
    ladder(
        "
        listener = 0.0.0.0:80 > *
        client = 127.0.0.1:4000 > 127.0.0.1:80
        server = 127.0.0.1:80 > 127.0.0.1:4000
        +0     listener  CLOSE → LISTEN  pid=5/httpd
            = listener  CLOSE → LISTEN  httpd:5(syscall)  call
        +1us   client  CLOSE → SYN_SENT  pid=7/curl
            = client#1  CLOSE → SYN_SENT  curl:7(syscall)  call
        +2us   client  SYN_SENT → ESTABLISHED
            = client#1  SYN_SENT → ESTABLISHED  curl:7(syscall)  after 1µs
        +3us   server  LISTEN → SYN_RECV  as=listener
        +4us   server  SYN_RECV → ESTABLISHED
            = server#1  LISTEN → SYN_RECV  httpd:5(listener)
            = server#1  SYN_RECV → ESTABLISHED  httpd:5(listener)  after 1µs
        ",
    );
}

/// The cookie shows which of several listeners on the port it was.
#[test]
fn its_listener_is_exact() {
    ladder(
        "
        one = 0.0.0.0:80 > *
        two = 0.0.0.0:80 > *
        a = 127.0.0.1:80 > 127.0.0.1:4000
        b = 127.0.0.1:80 > 127.0.0.1:4001
        +0     one  CLOSE → LISTEN  pid=5/httpd
            = one  CLOSE → LISTEN  httpd:5(syscall)  call
        +1us   two  CLOSE → LISTEN  pid=6/httpd
            = two  CLOSE → LISTEN  httpd:6(syscall)  call
        +1ms   a    LISTEN → SYN_RECV  as=two
        +1ms   b    LISTEN → SYN_RECV  as=one
        +1ms   a    SYN_RECV → ESTABLISHED
            = a#1  LISTEN → SYN_RECV  httpd:6(listener)
            = a#1  SYN_RECV → ESTABLISHED  httpd:6(listener)  after 0ns
        +1ms   b    SYN_RECV → ESTABLISHED
            = b#2  LISTEN → SYN_RECV  httpd:5(listener)
            = b#2  SYN_RECV → ESTABLISHED  httpd:5(listener)  after 0ns
        ",
    );
}

/// `inet_csk_clone_lock` copies a socket that is in CLOSE by then.
#[test]
fn its_listener_closes_meanwhile() {
    ladder(
        "
        listener = 0.0.0.0:80 > *
        server = 127.0.0.1:80 > 127.0.0.1:4000
        +0     listener  CLOSE → LISTEN  pid=5/httpd
            = listener  CLOSE → LISTEN  httpd:5(syscall)  call
        +1ms   listener  LISTEN → CLOSE  pid=5/httpd close
            = listener  LISTEN → CLOSE  httpd:5(syscall)  call  Close  after 1ms
        +1ms   server  CLOSE → SYN_RECV  as=listener
        +1ms   server  SYN_RECV → CLOSE
            = server#1  CLOSE → SYN_RECV
            = server#1  SYN_RECV → CLOSE  after 0ns
        ",
    );
}

/// A child that is never finished is emitted when its place is used again, or at the end.
#[test]
fn one_that_never_says_who_it_is() {
    ladder(
        "
        listener = 0.0.0.0:80 > *
        lost   = 127.0.0.1:80 > 127.0.0.1:4000
        server = 127.0.0.1:80 > 127.0.0.1:4001 at=lost
        other  = 127.0.0.1:80 > 127.0.0.1:4002
        +0     listener  CLOSE → LISTEN  pid=5/httpd
            = listener  CLOSE → LISTEN  httpd:5(syscall)  call
        +1ms   lost    LISTEN → SYN_RECV  as=listener
        +2ms   server  LISTEN → SYN_RECV  as=listener
            = ~1[*:*]  LISTEN → SYN_RECV  httpd:5(listener)
            = ~1[*:*]  SYN_RECV → CLOSE  httpd:5(listener)  inferred:continuity
        +2ms   server  SYN_RECV → ESTABLISHED
            = server#1  LISTEN → SYN_RECV  httpd:5(listener)
            = server#1  SYN_RECV → ESTABLISHED  httpd:5(listener)  after 0ns
        +3ms   other   LISTEN → SYN_RECV  as=listener
        finish
            = ~3[*:*]  LISTEN → SYN_RECV  httpd:5(listener)
        ",
    );
}

/// A child has its request's cookie, and its place in the connection; its own first event is a step that was emitted.
#[test]
fn the_child_of_a_request_that_was_found() {
    ladder(
        "
        listener = 0.0.0.0:80 > *
        client = 127.0.0.1:4000 > 127.0.0.1:80
        server = 127.0.0.1:80 > 127.0.0.1:4000
        found  client   ESTABLISHED  pid=7/curl
            = client#1  ESTABLISHED  curl:7(procfs)
        found  listener LISTEN  pid=5/httpd
            = listener  LISTEN  httpd:5(procfs)
        found  server   SYN_RECV
            = server#1  SYN_RECV
        +1us   server  LISTEN → SYN_RECV  as=listener
        +2us   server  SYN_RECV → ESTABLISHED
            = server#1  SYN_RECV → ESTABLISHED  httpd:5(listener)
        +3us   server  ESTABLISHED → CLOSE_WAIT
            = server#1  ESTABLISHED → CLOSE_WAIT  httpd:5(listener)  FinReceived  after 1µs
        ",
    );
}

/// A SYN+ACK is sent again, or the note of the first one comes late: it is the same request, and it ends.
#[test]
fn notes_of_a_request_that_was_found() {
    ladder(
        "
        sees minisockets
        one  = 127.0.0.1:80 > 10.0.0.1:4000
        late = 127.0.0.1:80 > 10.0.0.1:4001
        gone = 127.0.0.1:80 > 10.0.0.1:4002
        found  one   SYN_RECV
            = one#1  SYN_RECV
        found  late  SYN_RECV
            = late#2  SYN_RECV
        found  gone  SYN_RECV
            = gone#3  SYN_RECV
        +1us   one   request started
        +2us   one   LISTEN → SYN_RECV
        +2us   one   request stopped
        +3us   one   SYN_RECV → ESTABLISHED
            = one#1  SYN_RECV → ESTABLISHED
        +4us   late  request started nameless
        +5us   late  LISTEN → SYN_RECV
        +5us   late  request stopped nameless
        +6us   late  SYN_RECV → ESTABLISHED
            = late#2  SYN_RECV → ESTABLISHED
        +1s    gone  request restarted
        +3s    gone  request expired
            = gone#3  SYN_RECV → CLOSE  TimedOut
        ",
    );
}

/// The dump gave the request a cookie, and so the child got another one.
#[test]
fn a_request_that_was_listed_when_its_child_was_there() {
    ladder(
        "
        request = 127.0.0.1:80 > 10.0.0.1:4000
        child   = 127.0.0.1:80 > 10.0.0.1:4000
        attached
        +1us   child  LISTEN → SYN_RECV
        found  request  SYN_RECV
        +2us   child  SYN_RECV → ESTABLISHED
        dumped
            = child#1  LISTEN → SYN_RECV
            = child#1  SYN_RECV → ESTABLISHED  after 1µs
        ",
    );
}

/// `inet_csk_listen_stop` takes along what is in the queue, on the thread that closes the listener.
#[test]
fn nobody_accepts_before_the_listener_closes() {
    ladder(
        "listener = 127.0.0.1:80 > 0.0.0.0:0
        client = 127.0.0.1:4000 > 127.0.0.1:80
        server = 127.0.0.1:80 > 127.0.0.1:4000
        opened client server
        found listener LISTEN pid=5/httpd
            = listener  LISTEN  httpd:5(procfs)
        +1s    listener LISTEN → CLOSE pid=5/httpd kill=9
            = listener  LISTEN → CLOSE  httpd:5(syscall)  call  Killed { signal: 9 }
        +1s    server ESTABLISHED → CLOSE task=5/httpd
            = server#1  ESTABLISHED → CLOSE  ListenerClosed  after 999.929ms",
    );
}
