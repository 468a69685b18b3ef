//! The steps that state changes hide: half-open connections, orphans, `TIME_WAIT` and its end; and single segments.

use super::notation::ladder;

/// A FIN on another CPU, between the minisocket's making and the end of the full socket (tcp_time_wait).
#[test]
fn a_fin_to_a_minisocket_that_is_just_made() {
    ladder(
        "
        sees minisockets
        client = 127.0.0.1:4000 > 127.0.0.1:80
        server = 127.0.0.1:80 > 127.0.0.1:4000
        opened client server
        +1ms   client  ESTABLISHED → FIN_WAIT1  pid=7/curl close
            = client#1  ESTABLISHED → FIN_WAIT1  curl:7(syscall)  call  Close  after 940µs
        +2ms   client  FIN_WAIT1 → FIN_WAIT2
            = client#1  FIN_WAIT1 → FIN_WAIT2  curl:7(syscall)  after 1ms
        +2ms   client  minisocket  started in=FIN_WAIT2
        +3ms   client  minisocket  restarted in=TIME_WAIT
        +4ms   client  FIN_WAIT2 → CLOSE  orphan
            = client#1  FIN_WAIT2 → TIME_WAIT  curl:7(syscall)  FinReceived  after 2ms
        +60s   client  minisocket  expired in=TIME_WAIT
            = client#1  TIME_WAIT → CLOSE  curl:7(syscall)  Elapsed  after 59.996s
        ",
    );
}

/// An orphan whose FIN was acknowledged while its process held it: no minisocket takes over, and a timer ends it
/// (tcp_rcv_state_process).
#[test]
fn an_orphan_that_is_given_up() {
    ladder(
        "
        sees minisockets
        client = 127.0.0.1:4000 > 127.0.0.1:80
        server = 127.0.0.1:80 > 127.0.0.1:4000
        opened client server
        +1ms   client  ESTABLISHED → FIN_WAIT1  pid=7/curl close
            = client#1  ESTABLISHED → FIN_WAIT1  curl:7(syscall)  call  Close  after 940µs
        +2ms   client  FIN_WAIT1 → FIN_WAIT2  pid=7/curl
            = client#1  FIN_WAIT1 → FIN_WAIT2  curl:7(syscall)  call  after 1ms
        +60s   client  RST  in=FIN_WAIT2
            = client#1  RST -
        +60s   client  FIN_WAIT2 → CLOSE  orphan
            = client#1  FIN_WAIT2 → CLOSE  curl:7(syscall)  after 59.998s
        ",
    );
}

#[test]
fn a_whole_life_from_the_first_syn_to_the_end_of_time_wait() {
    ladder(
        "sees minisockets
        client = 127.0.0.1:4000 > 127.0.0.1:80
        server = 127.0.0.1:80 > 127.0.0.1:4000
        +0     client CLOSE → SYN_SENT pid=7/curl
            = client#1  CLOSE → SYN_SENT  curl:7(syscall)  call
        +10us  server request started tid=7
            = server#1  LISTEN → SYN_RECV  SynReceived
        +60us  client SYN_SENT → ESTABLISHED
            = client#1  SYN_SENT → ESTABLISHED  curl:7(syscall)  after 60µs
        +70us  server LISTEN → SYN_RECV
        +71us  server SYN_RECV → ESTABLISHED
            = server#1  SYN_RECV → ESTABLISHED  after 61µs
        +72us  server request stopped
        +1s    client ESTABLISHED → FIN_WAIT1 pid=7/curl close
            = client#1  ESTABLISHED → FIN_WAIT1  curl:7(syscall)  call  Close  after 999.94ms
        +1s    server ESTABLISHED → CLOSE_WAIT
            = server#1  ESTABLISHED → CLOSE_WAIT  FinReceived  after 999.929ms
        +2s    client FIN_WAIT1 → FIN_WAIT2 orphan
            = client#1  FIN_WAIT1 → FIN_WAIT2  curl:7(syscall)  after 1s
        +2s    client minisocket started in=FIN_WAIT2
        +2s    client FIN_WAIT2 → CLOSE orphan
            = client#1  FIN_WAIT2 orphaned  curl:7(syscall)  seen
        +9s    server CLOSE_WAIT → LAST_ACK pid=8/nginx close
            = server#1  CLOSE_WAIT → LAST_ACK  nginx:8(syscall)  call  Close  after 8s
        +9s    client minisocket restarted in=TIME_WAIT
            = client#1  FIN_WAIT2 → TIME_WAIT  curl:7(syscall)  FinReceived  after 7s
        +9s    server LAST_ACK → CLOSE
            = server#1  LAST_ACK → CLOSE  nginx:8(syscall)  after 0ns
        +69s   client minisocket expired in=TIME_WAIT
            = client#1  TIME_WAIT → CLOSE  curl:7(syscall)  Elapsed  after 60s",
    );
}

#[test]
fn an_orphan_whose_peer_never_closes() {
    ladder(
        "sees minisockets
        client = 127.0.0.1:4000 > 127.0.0.1:80
        server = 127.0.0.1:80 > 127.0.0.1:4000
        opened client server
        +1s    client ESTABLISHED → FIN_WAIT1 pid=7/curl kill=2
            = client#1  ESTABLISHED → FIN_WAIT1  curl:7(syscall)  call  Killed { signal: 2 }  after 999.94ms
        +1s    client FIN_WAIT1 → FIN_WAIT2 orphan
            = client#1  FIN_WAIT1 → FIN_WAIT2  curl:7(syscall)  after 0ns
        +1s    client minisocket started in=FIN_WAIT2
        +1s    client FIN_WAIT2 → CLOSE orphan
            = client#1  FIN_WAIT2 orphaned  curl:7(syscall)  seen
        +61s   client minisocket expired in=FIN_WAIT2
            = client#1  FIN_WAIT2 → CLOSE  curl:7(syscall)  Elapsed  after 60s",
    );
}

/// `mod_timer` is silent if the new end falls into the same slot: then the peer shows it, or the minisocket at its end.
#[test]
fn a_fin_that_the_timer_does_not_show() {
    ladder(
        "sees minisockets
        client = 127.0.0.1:4000 > 127.0.0.1:80
        server = 127.0.0.1:80 > 127.0.0.1:4000
        opened client server
        +1s    client ESTABLISHED → FIN_WAIT1 pid=7/curl close
            = client#1  ESTABLISHED → FIN_WAIT1  curl:7(syscall)  call  Close  after 999.94ms
        +1s    server ESTABLISHED → CLOSE_WAIT
            = server#1  ESTABLISHED → CLOSE_WAIT  FinReceived  after 999.929ms
        +1s    client FIN_WAIT1 → FIN_WAIT2 orphan
            = client#1  FIN_WAIT1 → FIN_WAIT2  curl:7(syscall)  after 0ns
        +1s    client minisocket started in=FIN_WAIT2
        +1s    client FIN_WAIT2 → CLOSE orphan
            = client#1  FIN_WAIT2 orphaned  curl:7(syscall)  seen
        +2s    server CLOSE_WAIT → LAST_ACK pid=8/nginx close
            = server#1  CLOSE_WAIT → LAST_ACK  nginx:8(syscall)  call  Close  after 1s
        +2s    server LAST_ACK → CLOSE
            = client#1  FIN_WAIT2 → TIME_WAIT  curl:7(syscall)  inferred:peer_closed  FinReceived  after 1s
            = server#1  LAST_ACK → CLOSE  nginx:8(syscall)  after 0ns
        +62s   client minisocket expired in=TIME_WAIT
            = client#1  TIME_WAIT → CLOSE  curl:7(syscall)  Elapsed  after 60s",
    );
    ladder(
        "sees minisockets
        far = 10.0.0.1:4000 > 10.0.0.2:80
        +0     far CLOSE → SYN_SENT pid=7/curl bound
            = far#1  CLOSE → SYN_SENT  curl:7(syscall)  call
        +0     far SYN_SENT → ESTABLISHED
            = far#1  SYN_SENT → ESTABLISHED  curl:7(syscall)  after 0ns
        +1s    far ESTABLISHED → FIN_WAIT1 pid=7/curl close
            = far#1  ESTABLISHED → FIN_WAIT1  curl:7(syscall)  call  Close  after 1s
        +1s    far FIN_WAIT1 → FIN_WAIT2 orphan
            = far#1  FIN_WAIT1 → FIN_WAIT2  curl:7(syscall)  after 0ns
        +1s    far minisocket started in=FIN_WAIT2
        +1s    far FIN_WAIT2 → CLOSE orphan
            = far#1  FIN_WAIT2 orphaned  curl:7(syscall)  seen
        +62s   far minisocket expired in=TIME_WAIT
            = far#1  FIN_WAIT2 → TIME_WAIT  curl:7(syscall)  inferred:stand_in  FinReceived  after 61s
            = far#1  TIME_WAIT → CLOSE  curl:7(syscall)  Elapsed",
    );
}

#[test]
fn a_new_connection_takes_the_place_of_one_in_time_wait() {
    ladder(
        "sees minisockets
        old = 127.0.0.1:80 > 127.0.0.1:4000
        new = 127.0.0.1:80 > 127.0.0.1:4000
        found old TIME_WAIT
            = old#1  TIME_WAIT
        +1s    old minisocket reused in=TIME_WAIT
            = old#1  TIME_WAIT → CLOSE  Reused
        +1s    new request started
            = new#2  LISTEN → SYN_RECV  SynReceived",
    );
}

/// A request socket has no cookie: its line waits for the child that names it, or for a sign that there may be none.
#[test]
fn a_half_open_connection_waits_for_its_name() {
    ladder(
        "sees minisockets
        server = 10.0.0.1:80 > 10.0.0.2:4000
        +0     server request started nameless
        +20ms  server LISTEN → SYN_RECV
            = server#1  LISTEN → SYN_RECV  SynReceived
        +20ms  server SYN_RECV → ESTABLISHED
            = server#1  SYN_RECV → ESTABLISHED  after 20ms",
    );
    ladder(
        "sees minisockets
        server = 10.0.0.1:80 > 10.0.0.2:4000
        +0     server request started nameless
        +1s    server request restarted nameless
            = ~1[10.0.0.2:4000]#1  LISTEN → SYN_RECV  SynReceived
        +63s   server request expired nameless
            = ~1[10.0.0.2:4000]#1  SYN_RECV → CLOSE  TimedOut  after 63s",
    );
}

/// One life has one name, on older kernels too: what was emitted under a name of our own goes on under it.
#[test]
fn a_half_open_connection_that_hangs_and_then_opens() {
    ladder(
        "sees minisockets
        server = 10.0.0.1:80 > 10.0.0.2:4000
        +0     server request started nameless
        +1s    server request restarted nameless
            = ~1[10.0.0.2:4000]#1  LISTEN → SYN_RECV  SynReceived
        +2s    server LISTEN → SYN_RECV
        +2s    server request stopped
        +2s    server SYN_RECV → ESTABLISHED
            = ~1[10.0.0.2:4000]#1  SYN_RECV → ESTABLISHED  after 2s
        +3s    server ESTABLISHED → CLOSE err=104
            = ~1[10.0.0.2:4000]#1  ESTABLISHED → CLOSE  ResetReceived  after 1s",
    );
    ladder(
        "sees minisockets
        listener = 10.0.0.1:80 > 0.0.0.0:0
        server = 10.0.0.1:80 > 10.0.0.2:4000
        +0     server request started nameless
        +1s    server request restarted nameless
            = ~1[10.0.0.2:4000]#1  LISTEN → SYN_RECV  SynReceived
        +2s    server LISTEN → SYN_RECV as=listener
        +2s    server request stopped
        +2s    server SYN_RECV → ESTABLISHED
            = ~1[10.0.0.2:4000]#1  SYN_RECV → ESTABLISHED  after 2s",
    );
}

/// A cookie that the request gets meanwhile, because somebody asks for it (`ss -e`), is the name.
#[test]
fn a_half_open_connection_that_was_dumped() {
    ladder(
        "sees minisockets
        server = 10.0.0.1:80 > 10.0.0.2:4000
        +0     server request started nameless
        +1s    server request restarted
            = server#1  LISTEN → SYN_RECV  SynReceived
        +2s    server LISTEN → SYN_RECV
        +2s    server SYN_RECV → ESTABLISHED
            = server#1  SYN_RECV → ESTABLISHED  after 2s",
    );
}

/// A child before Linux 6.15 has its own name and ends only with its second event.
#[test]
fn a_half_open_connection_on_an_older_kernel() {
    ladder(
        "sees minisockets
        listener = 10.0.0.1:80 > 0.0.0.0:0
        server = 10.0.0.1:80 > 10.0.0.2:4000
        +0     listener CLOSE → LISTEN pid=8/nginx
            = listener  CLOSE → LISTEN  nginx:8(syscall)  call
        +1s    server request started
            = server#1  LISTEN → SYN_RECV  nginx:8(listener)  SynReceived
        +2s    server LISTEN → SYN_RECV as=listener
        +2s    server request stopped
        +2s    server SYN_RECV → ESTABLISHED
            = server#1  SYN_RECV → ESTABLISHED  nginx:8(listener)  after 1s",
    );
}

#[test]
fn segments_sent_again_and_resets() {
    ladder(
        "client = 10.0.0.1:4000 > 10.0.0.2:80
        +0     client CLOSE → SYN_SENT pid=7/curl bound
            = client#1  CLOSE → SYN_SENT  curl:7(syscall)  call
        +1s    client again
            = client#1  again in SYN_SENT, 1
        +3s    client again
            = client#1  again in SYN_SENT, 2
        +4s    client SYN_SENT → ESTABLISHED
            = client#1  SYN_SENT → ESTABLISHED  curl:7(syscall)  after 4s
        +5s    client again
            = client#1  again in ESTABLISHED, 1
        +6s    client RST reason=12
            = client#1  RST REASON_12
        +6s    client ESTABLISHED → CLOSE pid=7/curl close
            = client#1  ESTABLISHED → CLOSE  curl:7(syscall)  call  Abort  after 2s",
    );
}

#[test]
fn a_half_open_connection_that_comes_to_nothing() {
    ladder(
        "sees minisockets
        server = 10.0.0.1:80 > 10.0.0.2:4000
        +0     server request started
            = server#1  LISTEN → SYN_RECV  SynReceived
        +1s    server request stopped
            = server#1  SYN_RECV → CLOSE  after 1s",
    );
}

/// A child that is made by the ACK and open at once comes from a SYN cookie; before all requests are known, and after
/// a pause, nothing is concluded.
#[test]
fn a_child_of_a_syn_cookie() {
    ladder(
        "sees minisockets
        knows requests +1s
        early = 127.0.0.1:80 > 10.0.0.1:4000
        cookie = 127.0.0.1:80 > 10.0.0.2:4000
        fastopen = 127.0.0.1:80 > 10.0.0.3:4000
        empty = 127.0.0.1:80 > 10.0.0.4:4000
        other = 127.0.0.1:80 > 10.0.0.5:4000
        request = 127.0.0.1:80 > 10.0.0.6:4000
        +0     early LISTEN → SYN_RECV
            = early#1  LISTEN → SYN_RECV
        +1us   early SYN_RECV → ESTABLISHED got=0
            = early#1  SYN_RECV → ESTABLISHED  after 1µs
        +2s    cookie LISTEN → SYN_RECV
            = cookie#2  LISTEN → SYN_RECV
        +2000005us cookie SYN_RECV → ESTABLISHED got=0
            = cookie#2  SYN_RECV → ESTABLISHED  SynCookie  after 5µs
        +3s    fastopen LISTEN → SYN_RECV
            = fastopen#3  LISTEN → SYN_RECV
        +3000005us fastopen SYN_RECV → ESTABLISHED got=1
            = fastopen#3  SYN_RECV → ESTABLISHED  after 5µs
        +4s    empty LISTEN → SYN_RECV
            = empty#4  LISTEN → SYN_RECV
        +4001ms empty SYN_RECV → ESTABLISHED got=0
            = empty#4  SYN_RECV → ESTABLISHED  after 1ms
        +5s    other LISTEN → SYN_RECV
            = other#5  LISTEN → SYN_RECV
        +5000005us other SYN_RECV → ESTABLISHED got=0 task=9/rustc
            = other#5  SYN_RECV → ESTABLISHED  after 5µs
        +6s    request request started
            = request#6  LISTEN → SYN_RECV  SynReceived
        +6010ms request LISTEN → SYN_RECV
        +6010ms request SYN_RECV → ESTABLISHED got=0
            = request#6  SYN_RECV → ESTABLISHED  after 10ms",
    );
}
