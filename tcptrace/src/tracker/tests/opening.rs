//! Connections that begin, and the two sockets that are their ends.

use super::notation::ladder;

#[test]
fn both_connect_at_once() {
    ladder(
        "
        client = 127.0.0.1:4000 > 127.0.0.1:80
        server = 127.0.0.1:80 > 127.0.0.1:4000
        +0     client  CLOSE → SYN_SENT  pid=7/a bound
            = client#1  CLOSE → SYN_SENT  a:7(syscall)  call
        +1us   server  CLOSE → SYN_SENT  pid=8/b bound
            = server#1  CLOSE → SYN_SENT  b:8(syscall)  call
        +50us  server  SYN_SENT → SYN_RECV
            = server#1  SYN_SENT → SYN_RECV  b:8(syscall)  after 49µs
        +51us  client  SYN_SENT → SYN_RECV
            = client#1  SYN_SENT → SYN_RECV  a:7(syscall)  after 51µs
        +60us  server  SYN_RECV → ESTABLISHED
            = server#1  SYN_RECV → ESTABLISHED  b:8(syscall)  after 10µs
        +61us  client  SYN_RECV → ESTABLISHED
            = client#1  SYN_RECV → ESTABLISHED  a:7(syscall)  after 10µs
        ",
    );
}

/// A socket that connects to itself is both ends.
#[test]
fn a_socket_connects_to_itself() {
    ladder(
        "
        self = 127.0.0.1:4000 > 127.0.0.1:4000
        +0     self  CLOSE → SYN_SENT  pid=7/a bound
            = self#1  CLOSE → SYN_SENT  a:7(syscall)  call
        +1us   self  SYN_SENT → SYN_RECV  pid=7/a
            = self#1  SYN_SENT → SYN_RECV  a:7(syscall)  call  after 1µs
        +2us   self  SYN_RECV → ESTABLISHED  pid=7/a
            = self#1  SYN_RECV → ESTABLISHED  a:7(syscall)  call  after 1µs
        +1ms   self  ESTABLISHED → FIN_WAIT1  pid=7/a close
            = self#1  ESTABLISHED → FIN_WAIT1  a:7(syscall)  call  Close  after 998µs
        +1ms   self  FIN_WAIT1 → CLOSING  pid=7/a orphan fin
            = self#1  FIN_WAIT1 → CLOSING  a:7(syscall)  call  FinReceived  after 0ns
        +1ms   self  CLOSING → CLOSE  pid=7/a orphan fin
            = self#1  CLOSING → TIME_WAIT  a:7(syscall)  inferred:fin_received  after 0ns
        ",
    );
}

/// A dual-stack server sees the v4-mapped form of the same addresses.
#[test]
fn ipv4_inside_ipv6() {
    ladder(
        "
        listener = [::]:80 > *
        client = 127.0.0.1:4000 > 127.0.0.1:80
        server = [::ffff:127.0.0.1]:80 > [::ffff:127.0.0.1]:4000
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
        ",
    );
}

/// Fast Open: the child is there before the client's port is known. The older number stays.
#[test]
fn the_second_end_first() {
    ladder(
        "
        client = 127.0.0.1:4000 > 127.0.0.1:80
        server = 127.0.0.1:80 > 127.0.0.1:4000
        +0     client  CLOSE → SYN_SENT  pid=7/curl
            = client#1  CLOSE → SYN_SENT  curl:7(syscall)  call
        +50us  server  LISTEN → SYN_RECV
            = server#2  LISTEN → SYN_RECV
        +51us  server  SYN_RECV → ESTABLISHED
            = server#2  SYN_RECV → ESTABLISHED  after 1µs
        +60us  client  SYN_SENT → ESTABLISHED
            = client#1  SYN_SENT → ESTABLISHED  curl:7(syscall)  after 60µs
        +1ms   server  ESTABLISHED → CLOSE_WAIT
            = server#1  ESTABLISHED → CLOSE_WAIT  FinReceived  after 949µs
        ",
    );
}

#[test]
fn the_same_addresses_in_two_namespaces() {
    ladder(
        "
        client = 127.0.0.1:4000 > 127.0.0.1:80 netns=1
        server = 127.0.0.1:80 > 127.0.0.1:4000 netns=1
        client2 = 127.0.0.1:4000 > 127.0.0.1:80 netns=2
        server2 = 127.0.0.1:80 > 127.0.0.1:4000 netns=2
        +0     client   CLOSE → SYN_SENT  pid=7/a bound
            = client#1  CLOSE → SYN_SENT  a:7(syscall)  call
        +1us   client2  CLOSE → SYN_SENT  pid=8/b bound
            = client2#2  CLOSE → SYN_SENT  b:8(syscall)  call
        +2us   client   SYN_SENT → ESTABLISHED
            = client#1  SYN_SENT → ESTABLISHED  a:7(syscall)  after 2µs
        +3us   client2  SYN_SENT → ESTABLISHED
            = client2#2  SYN_SENT → ESTABLISHED  b:8(syscall)  after 2µs
        +4us   server   LISTEN → SYN_RECV
            = server#1  LISTEN → SYN_RECV
        +5us   server2  LISTEN → SYN_RECV
            = server2#2  LISTEN → SYN_RECV
        ",
    );
}

/// Ends in two namespaces find each other, unless the address is one's own: its packets stay in the namespace.
#[test]
fn two_namespaces_with_a_wire_between() {
    ladder(
        "
        client = 10.0.0.1:4000 > 10.0.0.2:80 netns=1
        server = 10.0.0.2:80 > 10.0.0.1:4000 netns=2
        own    = 10.0.0.9:4000 > 10.0.0.9:80 netns=1
        other  = 10.0.0.9:80 > 10.0.0.9:4000 netns=2
        +0     client  CLOSE → SYN_SENT  pid=7/a
            = client#1  CLOSE → SYN_SENT  a:7(syscall)  call
        +1us   client  SYN_SENT → ESTABLISHED
            = client#1  SYN_SENT → ESTABLISHED  a:7(syscall)  after 1µs
        +2us   server  LISTEN → SYN_RECV
            = server#1  LISTEN → SYN_RECV
        +3us   own     CLOSE → SYN_SENT  pid=7/a
            = own#2  CLOSE → SYN_SENT  a:7(syscall)  call
        +4us   own     SYN_SENT → ESTABLISHED
            = own#2  SYN_SENT → ESTABLISHED  a:7(syscall)  after 1µs
        +5us   other   LISTEN → SYN_RECV
            = other#3  LISTEN → SYN_RECV
        ",
    );
}

/// A client calls from the same port while the first server still waits for its last ACK.
#[test]
fn a_reused_port_is_another_connection() {
    ladder(
        "
        client = 127.0.0.1:4000 > 127.0.0.1:80
        server = 127.0.0.1:80 > 127.0.0.1:4000
        again = 127.0.0.1:4000 > 127.0.0.1:80
        fresh = 127.0.0.1:80 > 127.0.0.1:4000
        opened client server
        +1ms   client  ESTABLISHED → FIN_WAIT1  pid=7/curl close
            = client#1  ESTABLISHED → FIN_WAIT1  curl:7(syscall)  call  Close  after 940µs
        +1ms   server  ESTABLISHED → CLOSE_WAIT
            = server#1  ESTABLISHED → CLOSE_WAIT  FinReceived  after 929µs
        +2ms   server  CLOSE_WAIT → LAST_ACK  pid=5/httpd close
            = server#1  CLOSE_WAIT → LAST_ACK  httpd:5(syscall)  call  Close  after 1ms
        +2ms   client  FIN_WAIT1 → FIN_WAIT2  orphan
            = client#1  FIN_WAIT1 → FIN_WAIT2  curl:7(syscall)  after 1ms
        +2ms   client  FIN_WAIT2 → CLOSE  orphan fin
            = client#1  FIN_WAIT2 → TIME_WAIT  curl:7(syscall)  inferred:fin_received  FinReceived  after 0ns
        +3ms   again   CLOSE → SYN_SENT  pid=8/curl
            = again#2  CLOSE → SYN_SENT  curl:8(syscall)  call
        +3ms   again   SYN_SENT → ESTABLISHED
            = again#2  SYN_SENT → ESTABLISHED  curl:8(syscall)  after 0ns
        +3ms   fresh   LISTEN → SYN_RECV
            = fresh#2  LISTEN → SYN_RECV
        +4ms   server  LAST_ACK → CLOSE
            = server#1  LAST_ACK → CLOSE  httpd:5(syscall)  after 2ms
        ",
    );
}
