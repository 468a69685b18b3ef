//! What goes on at a listening socket: connections that wait, that nobody waits for, that find no room; SYN cookies.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[expect(dead_code, reason = "each file of tests uses its part")]
mod harness;

use harness::{
    actor::{Actor, Sock},
    in_a_namespace, ss,
    tracer::Tracer,
    wait_for,
};

fn set(parameter: &str, value: &str) {
    std::fs::write(format!("/proc/sys/net/ipv4/{parameter}"), value).unwrap();
}

/// The server's socket of a connection, as `ss` shows it before anybody accepts it.
fn waiting(opened: &Sock) -> Sock {
    wait_for("the child", || {
        let line = ss::all().into_iter().find(|line| line.remote == opened.local.to_string())?;
        (line.state != "SYN_RECV").then(|| line.sock())
    })
}

/// The handshake is over long before accept(), and nothing about the connection changes then.
#[test]
fn accepted_late() {
    in_a_namespace(|| {
        let tracer = Tracer::start(&[]);
        let (server, client) = (Actor::new("server"), Actor::new("client"));
        let listener = server.tell("listen l 127.0.0.1:0");
        let opened = client.tell(&format!("connect c {}", listener.local));
        let child = waiting(&opened);
        tracer.wait_for_step(&child.cookie, "ESTABLISHED");
        let accepted = server.tell("accept l s");
        assert_eq!(accepted.cookie, child.cookie);
        server.order("close s");
        tracer.wait_for_step(&opened.cookie, "CLOSE_WAIT");
        let trace = tracer.finish();
        trace.assert_as_ss_says();
        assert_eq!(
            trace.life(&accepted)[..3],
            [
                "LISTEN>SYN_RECV softirq server/listener syn_received",
                "SYN_RECV>ESTABLISHED softirq server/listener -",
                "ESTABLISHED>FIN_WAIT1 process server/syscall close",
            ]
        );
    });
}

#[test]
fn the_client_is_gone_before_it_is_accepted() {
    in_a_namespace(|| {
        let tracer = Tracer::start(&[]);
        let (server, client) = (Actor::new("server"), Actor::new("client"));
        let listener = server.tell("listen l 127.0.0.1:0");
        let opened = client.tell(&format!("connect c {}", listener.local));
        let child = waiting(&opened);
        client.order("close c");
        ss::wait(&child, "CLOSE_WAIT");
        let accepted = server.tell("accept l s");
        assert_eq!(accepted.cookie, child.cookie);
        server.order("close s");
        tracer.wait_for_step(&accepted.cookie, "CLOSE");
        let trace = tracer.finish();
        trace.assert_as_ss_says();
        trace.assert_life(
            &accepted,
            &[
                "LISTEN>SYN_RECV softirq server/listener syn_received",
                "SYN_RECV>ESTABLISHED softirq server/listener -",
                "ESTABLISHED>CLOSE_WAIT softirq server/listener fin_received",
                "CLOSE_WAIT>LAST_ACK process server/syscall close",
                "LAST_ACK>CLOSE process|softirq server/syscall -",
            ],
        );
    });
}

/// No room in the queue: the server drops what comes, and the client asks again and again.
#[test]
fn the_queue_is_full() {
    in_a_namespace(|| {
        set("tcp_syncookies", "0");
        let tracer = Tracer::start(&[]);
        let (server, client) = (Actor::new("server"), Actor::new("client"));
        let listener = server.tell("listen l 127.0.0.1:0");
        server.order("listen-again l 0");
        let first = client.tell(&format!("connect a {}", listener.local));
        waiting(&first);
        client.begin(&format!("connect b {}", listener.local));
        let again = tracer.wait_for("a second SYN", |record| record["type"] == "retransmit");
        assert_eq!((&again["state"], &again["count"]), (&"SYN_SENT".into(), &1.into()));
        assert_eq!(again["process"]["comm"], "client");
        server.tell("accept l s");
        let second = client.answer();
        let cookie = second.split(' ').nth(1).unwrap();
        tracer.wait_for_step(cookie, "ESTABLISHED");
        let trace = tracer.finish();
        let established = trace.of_socket(cookie)[1];
        assert!(established["in_from_ns"].as_u64().unwrap() > 900_000_000, "{established}");
        assert_eq!(again["socket"], *cookie);
    });
}

/// The server keeps nothing before the last segment of the handshake, so that is when it is told.
#[test]
fn syn_cookies() {
    in_a_namespace(|| {
        set("tcp_syncookies", "2");
        let tracer = Tracer::start(&[]);
        let (server, client) = (Actor::new("server"), Actor::new("client"));
        let listener = server.tell("listen l 127.0.0.1:0");
        let opened = client.tell(&format!("connect c {}", listener.local));
        let accepted = server.tell("accept l s");
        tracer.wait_for_step(&accepted.cookie, "ESTABLISHED");
        let trace = tracer.finish();
        trace.assert_as_ss_says();
        trace.assert_life(
            &accepted,
            &["LISTEN>SYN_RECV softirq server/listener -", "SYN_RECV>ESTABLISHED softirq server/listener -"],
        );
        let connection = |sock: &Sock| trace.of_socket(&sock.cookie)[0]["connection"].clone();
        assert_eq!(connection(&opened), connection(&accepted));
    });
}

/// shutdown() ends a listening socket, and listen() begins it again: one socket, two lives.
#[test]
fn it_listens_again() {
    in_a_namespace(|| {
        let tracer = Tracer::start(&[]);
        let (server, client) = (Actor::new("server"), Actor::new("client"));
        let listener = server.tell("listen l 127.0.0.1:7100");
        server.order("stop-listening l");
        assert!(client.speak(&format!("connect c {}", listener.local)).starts_with("error"));
        server.order("listen-again l 16");
        let opened = client.tell(&format!("connect d {}", listener.local));
        let accepted = server.tell("accept l s");
        tracer.wait_for_step(&accepted.cookie, "ESTABLISHED");
        let trace = tracer.finish();
        trace.assert_as_ss_says();
        trace.assert_life(
            &listener,
            &[
                "CLOSE>LISTEN process server/syscall -",
                "LISTEN>CLOSE process server/syscall -",
                "CLOSE>LISTEN process server/syscall -",
            ],
        );
        assert_eq!(trace.life(&opened).len(), 2);
        assert_eq!(trace.life(&accepted)[0], "LISTEN>SYN_RECV softirq server/listener syn_received");
    });
}

/// connect(AF_UNSPEC) breaks the connection off, and the same descriptor opens another one.
#[test]
fn disconnected_and_connected_again() {
    in_a_namespace(|| {
        let tracer = Tracer::start(&[]);
        let (server, client) = (Actor::new("server"), Actor::new("client"));
        let listener = server.tell("listen l 127.0.0.1:0");
        let first = client.tell(&format!("connect c {}", listener.local));
        let accepted = server.tell("accept l s");
        client.order("disconnect c");
        tracer.wait_for_step(&accepted.cookie, "CLOSE");
        let second = client.tell(&format!("connect c {}", listener.local));
        assert_eq!(first.cookie, second.cookie);
        let again = server.tell("accept l t");
        tracer.wait_for_step(&again.cookie, "ESTABLISHED");
        let trace = tracer.finish();
        trace.assert_as_ss_says();
        assert_eq!(
            trace.life(&first),
            [
                "CLOSE>SYN_SENT process client/syscall -",
                "SYN_SENT>ESTABLISHED process client/syscall -",
                "ESTABLISHED>CLOSE process client/syscall abort",
                "CLOSE>SYN_SENT process client/syscall -",
                "SYN_SENT>ESTABLISHED process client/syscall -",
            ]
        );
        let records = trace.of_socket(&first.cookie);
        assert_ne!(records[0]["connection"], records[3]["connection"]);
        assert_eq!(records[4]["connection"], trace.of_socket(&again.cookie)[0]["connection"]);
    });
}
