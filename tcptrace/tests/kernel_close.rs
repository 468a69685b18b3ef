//! How connections end: each end's exact sequence, owner and cause, with `ss` as witness.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[expect(dead_code, reason = "each file of tests uses its part")]
mod harness;

use harness::{
    actor::{Actor, Sock},
    in_a_namespace, ss,
    trace::Trace,
    tracer::Tracer,
};
use rustix::process::Signal;

/// A client and a server, connected: the client's socket, the server's, and the one that listens.
struct Pair {
    client: Actor,
    server: Actor,
    opened: Sock,
    accepted: Sock,
    listener: Sock,
}

fn connect(address: &str) -> Pair {
    let (server, client) = (Actor::new("server"), Actor::new("client"));
    let listener = server.tell(&format!("listen l {address}"));
    let opened = client.tell(&format!("connect c {}", listener.local));
    let accepted = server.tell("accept l s");
    Pair { client, server, opened, accepted, listener }
}

/// The client's end: it opens, and then goes on like this.
#[track_caller]
fn assert_opened(trace: &Trace, sock: &Sock, rest: &[&str]) {
    let opens =
        ["CLOSE>SYN_SENT process client/syscall -", "SYN_SENT>ESTABLISHED process|softirq client/syscall -"];
    trace.assert_life(sock, &[&opens, rest].concat());
}

/// The server's end: it is opened, and then goes on like this.
#[track_caller]
fn assert_accepted(trace: &Trace, sock: &Sock, rest: &[&str]) {
    let is_opened = [
        "LISTEN>SYN_RECV softirq server/listener syn_received",
        "SYN_RECV>ESTABLISHED softirq server/listener -",
    ];
    trace.assert_life(sock, &[&is_opened, rest].concat());
}

#[test]
fn both_ends_and_the_listener_are_told_apart() {
    in_a_namespace(|| {
        let tracer = Tracer::start(&[]);
        let Pair { client: _client, server: _server, opened, accepted, listener } = connect("127.0.0.1:0");
        tracer.wait_for_step(&accepted.cookie, "ESTABLISHED");
        let trace = tracer.finish();
        trace.assert_as_ss_says();
        trace.assert_life(&listener, &["CLOSE>LISTEN process server/syscall -"]);
        assert_opened(&trace, &opened, &[]);
        assert_accepted(&trace, &accepted, &[]);
        let connection = |sock: &Sock| trace.of_socket(&sock.cookie)[0]["connection"].clone();
        assert!(connection(&opened).is_string());
        assert_eq!(connection(&opened), connection(&accepted));
        assert!(connection(&listener).is_null());
        assert_eq!(trace.total("shown"), 5);
        for record in trace.of_type("transition") {
            let netns = std::fs::read_link("/proc/thread-self/ns/net").unwrap();
            assert_eq!(format!("net:[{}]", record["netns"].as_str().unwrap()), netns.to_str().unwrap());
            assert_eq!((&record["family"], &record["process"]["uid"]), (&"ipv4".into(), &0.into()));
        }
    });
}

/// One end closes, and the other one only when the first one is in FIN_WAIT2 for good, as an orphan.
#[test]
fn the_client_closes_and_the_server_takes_its_time() {
    in_a_namespace(|| {
        let tracer = Tracer::start(&[]);
        let Pair { client, server, opened, accepted, .. } = connect("127.0.0.1:0");
        client.order("close c");
        assert_eq!(ss::wait(&opened, "FIN_WAIT2").inode, 0);
        assert_eq!(ss::wait(&accepted, "CLOSE_WAIT").pids, [server.pid()]);
        tracer.wait_for("the orphan", |record| record["type"] == "orphan");
        server.order("close s");
        ss::wait(&opened, "TIME_WAIT");
        tracer.wait_for_step(&accepted.cookie, "CLOSE");
        let trace = tracer.finish();
        trace.assert_as_ss_says();
        let closes_first = [
            "ESTABLISHED>FIN_WAIT1 process client/syscall close",
            "FIN_WAIT1>FIN_WAIT2 process|softirq client/syscall -",
            "orphan:FIN_WAIT2 process|softirq client/syscall -",
            // Within the timer's 2 s: the peer tells, or the timer itself if it moves on.
            "FIN_WAIT2>TIME_WAIT softirq|inferred:peer_closed client/syscall fin_received",
        ];
        let closes_second = [
            "ESTABLISHED>CLOSE_WAIT softirq server/acceptor fin_received",
            "CLOSE_WAIT>LAST_ACK process server/syscall close",
            "LAST_ACK>CLOSE process|softirq server/syscall -",
        ];
        assert_opened(&trace, &opened, &closes_first);
        assert_accepted(&trace, &accepted, &closes_second);
    });
}

#[test]
fn the_server_closes_and_the_client_takes_its_time() {
    in_a_namespace(|| {
        let tracer = Tracer::start(&[]);
        let Pair { client, server, opened, accepted, .. } = connect("127.0.0.1:0");
        server.order("close s");
        assert_eq!(ss::wait(&accepted, "FIN_WAIT2").inode, 0);
        assert_eq!(ss::wait(&opened, "CLOSE_WAIT").pids, [client.pid()]);
        tracer.wait_for("the orphan", |record| record["type"] == "orphan");
        client.order("close c");
        ss::wait(&accepted, "TIME_WAIT");
        tracer.wait_for_step(&opened.cookie, "CLOSE");
        let trace = tracer.finish();
        trace.assert_as_ss_says();
        let closes_first = [
            "ESTABLISHED>FIN_WAIT1 process server/syscall close",
            "FIN_WAIT1>FIN_WAIT2 process|softirq server/syscall -",
            "orphan:FIN_WAIT2 process|softirq server/syscall -",
            // Within the timer's 2 s: the peer tells, or the timer itself if it moves on.
            "FIN_WAIT2>TIME_WAIT softirq|inferred:peer_closed server/syscall fin_received",
        ];
        let closes_second = [
            "ESTABLISHED>CLOSE_WAIT softirq client/syscall fin_received",
            "CLOSE_WAIT>LAST_ACK process client/syscall close",
            "LAST_ACK>CLOSE process|softirq client/syscall -",
        ];
        assert_accepted(&trace, &accepted, &closes_first);
        assert_opened(&trace, &opened, &closes_second);
    });
}

/// If both close before the kernel's delayed ACK (40 ms), the full socket goes all the way, and nobody sees an orphan.
#[test]
fn both_close_at_once() {
    in_a_namespace(|| {
        let in_time = (0..50).any(|_| {
            let tracer = Tracer::start(&[]);
            let Pair { client, server, opened, accepted, .. } = connect("127.0.0.1:0");
            client.order("close c");
            server.order("close s");
            ss::wait(&opened, "TIME_WAIT");
            tracer.wait_for_step(&accepted.cookie, "CLOSE");
            let trace = tracer.finish();
            if !trace.of_type("orphan").is_empty() {
                return false;
            }
            let closes_first = [
                "ESTABLISHED>FIN_WAIT1 process client/syscall close",
                "FIN_WAIT1>FIN_WAIT2 softirq client/syscall -",
                "FIN_WAIT2>TIME_WAIT process|softirq client/syscall fin_received",
            ];
            assert_opened(&trace, &opened, &closes_first);
            true
        });
        assert!(in_time, "this machine is too busy for two calls within 40 ms");
    });
}

#[test]
fn half_closed_the_other_half_goes_on() {
    in_a_namespace(|| {
        let tracer = Tracer::start(&[]);
        let Pair { client, server, opened, accepted, .. } = connect("127.0.0.1:0");
        client.order("shutdown c");
        ss::wait(&accepted, "CLOSE_WAIT");
        assert_eq!(ss::wait(&opened, "FIN_WAIT2").pids, [client.pid()]);
        server.order("send s");
        assert_eq!(client.speak("receive c"), "received 1");
        server.order("close s");
        // Still open in the process, and TIME_WAIT nevertheless.
        ss::wait(&opened, "TIME_WAIT");
        client.order("close c");
        tracer.wait_for_step(&opened.cookie, "TIME_WAIT");
        tracer.wait_for_step(&accepted.cookie, "CLOSE");
        let trace = tracer.finish();
        trace.assert_as_ss_says();
        let closes_first = [
            "ESTABLISHED>FIN_WAIT1 process client/syscall shutdown",
            "FIN_WAIT1>FIN_WAIT2 process|softirq client/syscall -",
            "FIN_WAIT2>TIME_WAIT process|softirq client/syscall fin_received",
        ];
        let closes_second = [
            "ESTABLISHED>CLOSE_WAIT softirq server/acceptor fin_received",
            "CLOSE_WAIT>LAST_ACK process server/syscall close",
            "LAST_ACK>CLOSE process|softirq server/syscall -",
        ];
        assert_opened(&trace, &opened, &closes_first);
        assert_accepted(&trace, &accepted, &closes_second);
    });
}

#[test]
fn a_reset_is_an_abort_here_and_received_there() {
    in_a_namespace(|| {
        let tracer = Tracer::start(&[]);
        let Pair { client, server: _server, opened, accepted, .. } = connect("127.0.0.1:0");
        client.order("linger0 c");
        client.order("close c");
        tracer.wait_for_step(&opened.cookie, "CLOSE");
        tracer.wait_for_step(&accepted.cookie, "CLOSE");
        let trace = tracer.finish();
        assert_opened(&trace, &opened, &["ESTABLISHED>CLOSE process client/syscall linger_zero"]);
        assert_accepted(&trace, &accepted, &["ESTABLISHED>CLOSE softirq server/acceptor reset_received"]);
        assert_eq!((ss::of(&opened), ss::of(&accepted)), (None, None));
    });
}

#[test]
fn refused() {
    in_a_namespace(|| {
        let tracer = Tracer::start(&[]);
        let client = Actor::new("client");
        assert_eq!(client.speak("connect c 127.0.0.1:9"), format!("error {}", libc::ECONNREFUSED));
        let told = tracer.wait_for("the refusal", |record| record["to"] == "CLOSE");
        let trace = tracer.finish();
        let lines: Vec<_> = trace.of_type("transition").into_iter().map(harness::trace::line).collect();
        assert_eq!(lines[0], "CLOSE>SYN_SENT process client/syscall -");
        assert!(lines[1].starts_with("SYN_SENT>CLOSE ") && lines[1].ends_with(" client/syscall refused"));
        assert_eq!(lines.len(), 2);
        assert_eq!(told["remote"], serde_json::json!({"address": "127.0.0.1", "port": 9}));
    });
}

#[test]
fn killed_by_a_signal_and_exited() {
    in_a_namespace(|| {
        for (signal, cause) in [(Some(Signal::KILL), "killed:SIGKILL"), (None, "exit")] {
            let tracer = Tracer::start(&[]);
            let Pair { client, server: _server, opened, accepted, .. } = connect("127.0.0.1:0");
            match signal {
                Some(signal) => client.kill(signal),
                None => client.exit(),
            };
            ss::wait(&accepted, "CLOSE_WAIT");
            ss::wait(&opened, "FIN_WAIT2");
            tracer.wait_for("the orphan", |record| record["type"] == "orphan");
            let trace = tracer.finish();
            let closes = format!("ESTABLISHED>FIN_WAIT1 process client/syscall {cause}");
            let closes_first = [
                &closes,
                "FIN_WAIT1>FIN_WAIT2 process|softirq client/syscall -",
                "orphan:FIN_WAIT2 process|softirq client/syscall -",
            ];
            assert_opened(&trace, &opened, &closes_first);
            assert_accepted(
                &trace,
                &accepted,
                &["ESTABLISHED>CLOSE_WAIT softirq server/acceptor fin_received"],
            );
        }
    });
}
