//! Owners of sockets: only who was seen holding it, or the listener's process until then.

use super::notation::ladder;

/// The thread is shown with what it did itself, and with nothing that comes later.
#[test]
fn the_thread_that_did_it() {
    ladder(
        "
        listener = 0.0.0.0:80 > *
        server = 127.0.0.1:80 > 127.0.0.1:4000
        +0     listener  CLOSE → LISTEN  pid=5/server thread=6/acceptor
            = listener  CLOSE → LISTEN  server:5[acceptor:6](syscall)  call
        +1ms   server  LISTEN → SYN_RECV  task=9/rustc
            = server#1  LISTEN → SYN_RECV  server:5(listener)
        +1ms   server  SYN_RECV → ESTABLISHED  task=9/rustc
            = server#1  SYN_RECV → ESTABLISHED  server:5(listener)  after 0ns
        +2ms   server  ESTABLISHED → FIN_WAIT1  pid=5/server thread=7/worker close
            = server#1  ESTABLISHED → FIN_WAIT1  server:5[worker:7](syscall)  call  Close  after 1ms
        +3ms   server  FIN_WAIT1 → FIN_WAIT2  task=9/rustc orphan
            = server#1  FIN_WAIT1 → FIN_WAIT2  server:5(syscall)  after 1ms",
    );
}

#[test]
fn a_worker_takes_over() {
    ladder(
        "
        listener = 0.0.0.0:80 > *
        server = 127.0.0.1:80 > 127.0.0.1:4000
        +0     listener  CLOSE → LISTEN  pid=5/master
            = listener  CLOSE → LISTEN  master:5(syscall)  call
        +1ms   server  LISTEN → SYN_RECV  task=9/rustc
            = server#1  LISTEN → SYN_RECV  master:5(listener)
        +1ms   server  SYN_RECV → ESTABLISHED  task=9/rustc
            = server#1  SYN_RECV → ESTABLISHED  master:5(listener)  after 0ns
        +2ms   server  ESTABLISHED → FIN_WAIT1  pid=6/worker close
            = server#1  ESTABLISHED → FIN_WAIT1  worker:6(syscall)  call  Close  after 1ms
        +3ms   server  FIN_WAIT1 → FIN_WAIT2  task=9/rustc orphan
            = server#1  FIN_WAIT1 → FIN_WAIT2  worker:6(syscall)  after 1ms
        ",
    );
}

/// A process that accepts is the owner before it acts: even if the peer has closed already, and whichever of several
/// listeners it was.
#[test]
fn who_accepts_owns_it() {
    ladder(
        "
        one = 0.0.0.0:80 > *
        two = 0.0.0.0:80 > *
        server = 127.0.0.1:80 > 127.0.0.1:4000
        early = 127.0.0.1:80 > 127.0.0.1:4001
        +0     one  CLOSE → LISTEN  pid=5/httpd
            = one  CLOSE → LISTEN  httpd:5(syscall)  call
        +0     two  CLOSE → LISTEN  pid=6/httpd
            = two  CLOSE → LISTEN  httpd:6(syscall)  call
        +1ms   server  LISTEN → SYN_RECV
            = server#1  LISTEN → SYN_RECV
        +1ms   server  SYN_RECV → ESTABLISHED
            = server#1  SYN_RECV → ESTABLISHED  after 0ns
        +2ms   server  ESTABLISHED → CLOSE_WAIT  fin
            = server#1  ESTABLISHED → CLOSE_WAIT  FinReceived  after 1ms
        +3ms   server  accept  pid=7/worker
        +4ms   server  CLOSE_WAIT → CLOSE  err=104
            = server#1  CLOSE_WAIT → CLOSE  worker:7(accept)  ResetReceived  after 2ms
        +5ms   early  LISTEN → SYN_RECV
            = early#2  LISTEN → SYN_RECV
        +5ms   early  accept  pid=7/worker
        +5ms   early  SYN_RECV → ESTABLISHED
            = early#2  SYN_RECV → ESTABLISHED  worker:7(accept)  after 0ns
        +6ms   early  ESTABLISHED → FIN_WAIT1  pid=8/heir close
            = early#2  ESTABLISHED → FIN_WAIT1  heir:8(syscall)  call  Close  after 1ms
        ",
    );
}

/// A socket that is accepted is another one than that before it in its place, whose end was lost.
#[test]
fn who_accepts_owns_nothing_else() {
    ladder(
        "
        old = 127.0.0.1:80 > 127.0.0.1:4000
        new = 127.0.0.1:80 > 127.0.0.1:4001 at=old
        +0     old  LISTEN → SYN_RECV
            = old#1  LISTEN → SYN_RECV
        +1ms   new  accept  pid=7/worker
        +2ms   old  SYN_RECV → ESTABLISHED
            = old#1  SYN_RECV → ESTABLISHED  after 2ms
        ",
    );
}

/// SO_REUSEPORT: the child is of one of them, nobody knows which; when one is left, it is its.
#[test]
fn listeners_that_disagree() {
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
        +1ms   a    LISTEN → SYN_RECV
            = a#1  LISTEN → SYN_RECV
        +2ms   two  LISTEN → CLOSE  pid=6/httpd close
            = two  LISTEN → CLOSE  httpd:6(syscall)  call  Close  after 1.999ms
        +3ms   b    LISTEN → SYN_RECV
            = b#2  LISTEN → SYN_RECV  httpd:5(listener)
        ",
    );
}

#[test]
fn the_nearest_listener() {
    ladder(
        "
        any = 0.0.0.0:80 > *
        six = [::]:80 > *
        own = 127.0.0.1:80 > *
        far = 127.0.0.1:80 > * netns=2
        a = 127.0.0.1:80 > 127.0.0.1:4000
        b = 10.0.0.1:80 > 10.0.0.2:4000
        c = [fe80::1]:80 > [fe80::2]:4000
        +0     any  CLOSE → LISTEN  pid=5/any
            = any  CLOSE → LISTEN  any:5(syscall)  call
        +0     six  CLOSE → LISTEN  pid=6/six
            = six  CLOSE → LISTEN  six:6(syscall)  call
        +0     own  CLOSE → LISTEN  pid=7/own
            = own  CLOSE → LISTEN  own:7(syscall)  call
        +0     far  CLOSE → LISTEN  pid=8/far
            = far  CLOSE → LISTEN  far:8(syscall)  call
        +1ms   a    LISTEN → SYN_RECV
            = a#1  LISTEN → SYN_RECV  own:7(listener)
        +1ms   b    LISTEN → SYN_RECV
            = b#2  LISTEN → SYN_RECV  any:5(listener)
        +1ms   c    LISTEN → SYN_RECV
            = c#3  LISTEN → SYN_RECV  six:6(listener)
        ",
    );
}

/// A socket connects elsewhere after an end that was lost.
#[test]
fn who_stopped_listening_passes_nothing_on() {
    ladder(
        "
        listener = 0.0.0.0:80 > *
        again = 10.0.0.1:4000 > 10.0.0.2:443 cookie=1 at=listener
        server = 127.0.0.1:80 > 127.0.0.1:4000
        +0     listener  CLOSE → LISTEN  pid=5/httpd
            = listener  CLOSE → LISTEN  httpd:5(syscall)  call
        +1s    again  SYN_SENT → ESTABLISHED
            = again#1  LISTEN → SYN_SENT  httpd:5(syscall)  inferred:continuity  illegal
            = again#1  SYN_SENT → ESTABLISHED  httpd:5(syscall)
        +2s    server LISTEN → SYN_RECV
            = server#2  LISTEN → SYN_RECV
        ",
    );
}

/// A kworker closes what nobody has any more.
#[test]
fn kernel_threads_own_nothing() {
    ladder(
        "
        client = 127.0.0.1:4000 > 127.0.0.1:80
        server = 127.0.0.1:80 > 127.0.0.1:4000
        opened client server
        +1ms   client  ESTABLISHED → FIN_WAIT1  pid=40/kworker kthread close
            = client#1  ESTABLISHED → FIN_WAIT1  curl:7(syscall)  call  Close  after 940µs
        ",
    );
}

#[test]
fn without_btf_only_what_nobody_else_can_do() {
    ladder(
        "
        listener = 0.0.0.0:80 > * cookie=none
        client = 127.0.0.1:4000 > 127.0.0.1:80 cookie=none
        server = 127.0.0.1:80 > 127.0.0.1:4000 cookie=none
        +0     listener  CLOSE → LISTEN  pid=5/httpd blind
            = ~1[*:*]  CLOSE → LISTEN  httpd:5(syscall)
        +1us   client  CLOSE → SYN_SENT  pid=7/curl blind
            = ~2[127.0.0.1:80]#1  CLOSE → SYN_SENT  curl:7(syscall)
        +2us   client  SYN_SENT → ESTABLISHED  pid=9/rustc blind
            = ~2[127.0.0.1:80]#1  SYN_SENT → ESTABLISHED  curl:7(syscall)  after 1µs
        +3us   server  LISTEN → SYN_RECV  pid=9/rustc blind
            = ~3[127.0.0.1:4000]#1  LISTEN → SYN_RECV  httpd:5(listener)
        +4us   server  SYN_RECV → ESTABLISHED  pid=9/rustc blind
            = ~3[127.0.0.1:4000]#1  SYN_RECV → ESTABLISHED  httpd:5(listener)  after 1µs
        +5us   server  ESTABLISHED → CLOSE_WAIT  pid=9/rustc blind
            = ~3[127.0.0.1:4000]#1  ESTABLISHED → CLOSE_WAIT  httpd:5(listener)  after 1µs
        +6us   server  CLOSE_WAIT → LAST_ACK  pid=6/worker blind
            = ~3[127.0.0.1:4000]#1  CLOSE_WAIT → LAST_ACK  worker:6(syscall)  after 1µs
        +7us   server  LAST_ACK → CLOSE  pid=9/rustc blind
            = ~3[127.0.0.1:4000]#1  LAST_ACK → CLOSE  worker:6(syscall)  after 1µs
        ",
    );
}
