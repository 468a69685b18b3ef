//! Which sockets are the two ends of one connection: with Fast Open, with the same addresses again, in two namespaces.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[expect(dead_code, reason = "each file of tests uses its part")]
mod harness;

use harness::{
    actor::{Actor, Sock},
    in_a_namespace, run,
    trace::Trace,
    tracer::{Tracer, tcptrace},
    veth,
};

fn connection<'a>(trace: &'a Trace, cookie: &str) -> &'a str {
    let records = trace.of_socket(cookie);
    let first = records[0]["connection"].as_str().unwrap();
    assert!(records.iter().all(|record| record["connection"] == first), "{:#?}", trace.lines());
    first
}

/// With Fast Open the child exists before the client's port is known: two numbers become one as soon as it is.
#[test]
fn fast_open_is_one_connection() {
    in_a_namespace(|| {
        // Client and server, cookies not required, every listener.
        std::fs::write("/proc/sys/net/ipv4/tcp_fastopen", "1543").unwrap();
        let tracer = Tracer::start(&[]);
        let text = Tracer::start_text(&[]);
        let (server, client) = (Actor::new("server"), Actor::new("client"));
        let listener = server.tell("listen l 127.0.0.1:0");
        let opened = client.tell(&format!("fast-open c {}", listener.local));
        let accepted = server.tell("accept l s");
        tracer.wait_for_step(&opened.cookie, "ESTABLISHED");
        tracer.wait_for_step(&accepted.cookie, "ESTABLISHED");
        let trace = tracer.finish();
        let text = text.finish().text;
        let to: Vec<_> = trace.of_type("transition").iter().map(|record| &record["to"]).collect();
        // Before Linux 6.15 the child has addresses only at its second event, and waits for it.
        let late = ["LISTEN", "SYN_SENT", "ESTABLISHED", "SYN_RECV", "ESTABLISHED"];
        assert!(
            to == ["LISTEN", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "ESTABLISHED"] || to == late,
            "{to:?}"
        );
        let number = |cookie: &str| trace.of_socket(cookie)[1]["connection"].clone();
        assert_eq!(number(&opened.cookie), number(&accepted.cookie));
        let (_, report) = text.split_once("\n\n").unwrap();
        assert_eq!(report.matches("opened by").count(), 1, "one connection, one page: {text}");
        assert!(report.contains("SYN_RECV"), "{text}");
    });
}

/// Addresses that mean the same in both namespaces: the two ends find each other.
#[test]
fn from_one_namespace_to_another() {
    in_a_namespace(|| {
        let name = format!("tcptrace-test-{}-rare", std::process::id());
        run("ip", &["netns", "add", &name]);
        if !veth(&["netns", &name]) {
            run("ip", &["netns", "delete", &name]);
            return;
        }
        run("ip", &["address", "add", "192.0.2.1/24", "dev", "v0"]);
        run("ip", &["link", "set", "v0", "up"]);
        run("ip", &["-n", &name, "address", "add", "192.0.2.2/24", "dev", "v1"]);
        run("ip", &["-n", &name, "link", "set", "v1", "up"]);
        let mut command = tcptrace();
        // The same network, and not only this namespace.
        command.args(["--format", "json", "--addr", "192.0.2.0/24"]);
        let tracer = Tracer::spawn(command, true).attached();
        let server = Actor::inside(&["ip", "netns", "exec", &name], "server");
        let client = Actor::new("client");
        let listener = server.tell("listen l 192.0.2.2:0");
        let opened = client.tell(&format!("connect c {}", listener.local));
        let accepted = server.tell("accept l s");
        tracer.wait_for_step(&accepted.cookie, "ESTABLISHED");
        let trace = tracer.finish();
        run("ip", &["netns", "delete", &name]);
        assert_eq!(connection(&trace, &opened.cookie), connection(&trace, &accepted.cookie));
        let netns = |sock: &Sock| trace.of_socket(&sock.cookie)[0]["netns"].clone();
        assert_ne!(netns(&opened), netns(&accepted));
        assert_eq!(netns(&listener), netns(&accepted));
    });
}

/// Both connections have the same four numbers, one after the other.
#[test]
fn the_same_addresses_again() {
    in_a_namespace(|| {
        let tracer = Tracer::start(&[]);
        let (server, client) = (Actor::new("server"), Actor::new("client"));
        let listener = server.tell("listen l 127.0.0.1:0");
        let mut seen = Vec::new();
        for _ in 0..3 {
            client.tell("bind c 127.0.0.1:7778");
            let opened = client.tell(&format!("connect c {}", listener.local));
            let accepted = server.tell("accept l s");
            client.order("linger0 c");
            client.order("close c");
            tracer.wait_for_step(&accepted.cookie, "CLOSE");
            server.order("close s");
            seen.push((opened, accepted));
        }
        let trace = tracer.finish();
        let numbers: Vec<_> = seen
            .iter()
            .map(|(opened, accepted)| {
                assert_eq!(connection(&trace, &opened.cookie), connection(&trace, &accepted.cookie));
                assert_eq!((trace.life(opened).len(), trace.life(accepted).len()), (3, 3));
                connection(&trace, &opened.cookie)
            })
            .collect();
        assert_eq!(numbers.iter().collect::<std::collections::BTreeSet<_>>().len(), 3, "{numbers:?}");
    });
}
