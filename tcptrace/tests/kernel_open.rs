//! How sockets come to be: IPv6, IPv4 in IPv6 sockets, listeners, and connections that nobody accepts.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[expect(dead_code, reason = "each file of tests uses its part")]
mod harness;

use std::net::SocketAddr;

use harness::{actor::Actor, in_a_namespace, ss, tracer::Tracer, wait_for};
use serde_json::json;

#[test]
fn ipv6() {
    in_a_namespace(|| {
        let tracer = Tracer::start(&[]);
        let (server, client) = (Actor::new("server"), Actor::new("client"));
        let listener = server.tell("listen l [::1]:0");
        let opened = client.tell(&format!("connect c {}", listener.local));
        let accepted = server.tell("accept l s");
        client.order("close c");
        tracer.wait_for_step(&accepted.cookie, "CLOSE_WAIT");
        tracer.wait_for("the orphan", |record| record["type"] == "orphan");
        let trace = tracer.finish();
        trace.assert_as_ss_says();
        trace.assert_life(&listener, &["CLOSE>LISTEN process server/syscall -"]);
        trace.assert_life(
            &opened,
            &[
                "CLOSE>SYN_SENT process client/syscall -",
                "SYN_SENT>ESTABLISHED process|softirq client/syscall -",
                "ESTABLISHED>FIN_WAIT1 process client/syscall close",
                "FIN_WAIT1>FIN_WAIT2 process|softirq client/syscall -",
                "orphan:FIN_WAIT2 process|softirq client/syscall -",
            ],
        );
        trace.assert_life(
            &accepted,
            &[
                "LISTEN>SYN_RECV softirq server/listener syn_received",
                "SYN_RECV>ESTABLISHED softirq server/listener -",
                "ESTABLISHED>CLOSE_WAIT softirq server/acceptor fin_received",
            ],
        );
        for record in trace.records.iter().filter(|record| record["socket"].is_string()) {
            assert_eq!(record["family"], "ipv6");
            assert_eq!(record["local"]["address"], "::1");
        }
    });
}

#[test]
fn ipv4_in_ipv6_sockets_is_ipv4() {
    in_a_namespace(|| {
        let tracer = Tracer::start(&[]);
        let (server, client) = (Actor::new("server"), Actor::new("client"));
        let listener = server.tell("listen l [::]:0");
        let port = listener.local.port();
        let opened = client.tell(&format!("connect c 127.0.0.1:{port}"));
        let accepted = server.tell("accept l s");
        assert!(accepted.local.is_ipv6() && opened.local.is_ipv4());
        // The client's socket may be an IPv6 one too.
        let both = client.tell(&format!("connect d [::ffff:127.0.0.1]:{port}"));
        tracer.wait_for_step(&both.cookie, "ESTABLISHED");
        let trace = tracer.finish();
        trace.assert_as_ss_says();
        let is_opened = [
            "LISTEN>SYN_RECV softirq server/listener syn_received",
            "SYN_RECV>ESTABLISHED softirq server/listener -",
        ];
        trace.assert_life(&accepted, &is_opened);
        for sock in [&opened, &both] {
            let opens = [
                "CLOSE>SYN_SENT process client/syscall -",
                "SYN_SENT>ESTABLISHED process|softirq client/syscall -",
            ];
            trace.assert_life(sock, &opens);
        }
        let connection = |cookie: &str| trace.of_socket(cookie)[0]["connection"].clone();
        assert_eq!(connection(&opened.cookie), connection(&accepted.cookie), "whatever the sockets are");
        for record in trace.of_type("transition") {
            let listens = record["socket"] == *listener.cookie;
            assert_eq!(record["family"], if listens { "ipv6" } else { "ipv4" }, "{record}");
        }
    });
}

#[test]
fn a_listener_comes_and_goes() {
    in_a_namespace(|| {
        let tracer = Tracer::start(&[]);
        let server = Actor::new("server");
        let bound = server.tell("listen l 127.0.0.1:0");
        let any = server.tell("listen m 0.0.0.0:0");
        assert_eq!(ss::wait(&bound, "LISTEN").pids, [server.pid()]);
        server.order("close l");
        tracer.wait_for_step(&bound.cookie, "CLOSE");
        let trace = tracer.finish();
        trace.assert_as_ss_says();
        let listens = "CLOSE>LISTEN process server/syscall -";
        trace.assert_life(&bound, &[listens, "LISTEN>CLOSE process server/syscall close"]);
        trace.assert_life(&any, &[listens]);
        let record = trace.of_socket(&any.cookie)[0];
        assert_eq!(record["local"], json!({"address": "0.0.0.0", "port": any.local.port()}));
        assert!(record["remote"].is_null() && record["connection"].is_null(), "{record}");
    });
}

/// The kernel picks the port after it has told of `CLOSE -> LISTEN`.
#[test]
fn a_listener_that_was_never_bound() {
    in_a_namespace(|| {
        let tracer = Tracer::start(&[]);
        let server = Actor::new("server");
        let listener = server.tell("listen-unbound l");
        tracer.wait_for_step(&listener.cookie, "LISTEN");
        let client = Actor::new("client");
        client.tell(&format!("connect c 127.0.0.1:{}", listener.local.port()));
        let accepted = server.tell("accept l s");
        server.order("close l");
        tracer.wait_for_step(&listener.cookie, "CLOSE");
        let trace = tracer.finish();
        let life = trace.of_socket(&listener.cookie);
        assert_eq!(life.len(), 2, "{:#?}", trace.lines());
        assert!(life[0]["local"]["port"].is_null(), "not known yet, so not told: {}", life[0]);
        assert_eq!(life[1]["local"]["port"], listener.local.port());
        let child = trace.life(&accepted);
        let owner = |line: &String| line.split(' ').nth(2).unwrap().to_owned();
        assert!(child.iter().all(|line| ["-", "server/listener"].contains(&&*owner(line))), "{child:#?}");
    });
}

/// A connection in the backlog dies with the listener: reset, and nobody ever accepted it.
#[test]
fn the_listener_closes_on_a_connection_that_waits() {
    in_a_namespace(|| {
        let tracer = Tracer::start(&[]);
        let (server, client) = (Actor::new("server"), Actor::new("client"));
        let listener = server.tell("listen l 127.0.0.1:0");
        let opened = client.tell(&format!("connect c {}", listener.local));
        let waiting = wait_for("the child", || {
            let there = |line: &ss::Line| line.remote == opened.local.to_string();
            ss::all().into_iter().find(there).map(|line| line.sock())
        });
        server.order("close l");
        tracer.wait_for_step(&opened.cookie, "CLOSE");
        tracer.wait_for_step(&waiting.cookie, "CLOSE");
        let trace = tracer.finish();
        trace.assert_as_ss_says();
        trace.assert_life(
            &listener,
            &["CLOSE>LISTEN process server/syscall -", "LISTEN>CLOSE process server/syscall close"],
        );
        trace.assert_life(
            &opened,
            &[
                "CLOSE>SYN_SENT process client/syscall -",
                "SYN_SENT>ESTABLISHED process|softirq client/syscall -",
                "ESTABLISHED>CLOSE softirq client/syscall reset_received",
            ],
        );
        // Nobody but the listener ever had it (inet_child_forget).
        trace.assert_life(
            &waiting,
            &[
                "LISTEN>SYN_RECV softirq server/listener syn_received",
                "SYN_RECV>ESTABLISHED softirq server/listener -",
                "ESTABLISHED>CLOSE softirq server/listener listener_closed",
            ],
        );
    });
}

#[test]
fn a_client_with_a_port_of_its_choice() {
    in_a_namespace(|| {
        let tracer = Tracer::start(&[]);
        let (server, client) = (Actor::new("server"), Actor::new("client"));
        let listener = server.tell("listen l 127.0.0.1:0");
        let bound = client.tell("bind c 127.0.0.1:0");
        let opened = client.tell(&format!("connect c {}", listener.local));
        assert_eq!(bound.cookie, opened.cookie);
        tracer.wait_for_step(&opened.cookie, "ESTABLISHED");
        let trace = tracer.finish();
        let local: SocketAddr = opened.local;
        for record in trace.of_socket(&opened.cookie) {
            assert_eq!(record["local"]["port"], local.port(), "known from the first event on: {record}");
        }
    });
}
