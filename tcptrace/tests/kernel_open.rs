//! What is known of a socket from its first events on: its ends, its namespace, its user, its port.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[expect(dead_code, reason = "each file of tests uses its part")]
mod harness;

use std::net::SocketAddr;

use harness::{
    actor::{Actor, Sock},
    in_a_namespace,
    tracer::Tracer,
};

#[test]
fn both_ends_and_the_listener_are_told_apart() {
    in_a_namespace(|| {
        let tracer = Tracer::start(&[]);
        let (server, client) = (Actor::new("server"), Actor::new("client"));
        let listener = server.tell("listen l 127.0.0.1:0");
        let opened = client.tell(&format!("connect c {}", listener.local));
        let accepted = server.tell("accept l s");
        tracer.wait_for_step(&accepted.cookie, "ESTABLISHED");
        let trace = tracer.finish();
        trace.assert_as_ss_says();
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
