//! MPTCP: its subflows are TCP and are told; the socket above them is not.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[expect(dead_code, reason = "each file of tests uses its part")]
mod harness;

use harness::{actor::Actor, in_a_namespace, skip, trace::line, tracer::Tracer};

#[test]
fn subflows_are_told() {
    in_a_namespace(|| {
        let (server, client) = (Actor::new("server"), Actor::new("client"));
        let answer = server.speak("mptcp");
        if answer != "done" {
            skip(&format!("this kernel makes no MPTCP socket: {answer}"));
            return;
        }
        client.order("mptcp");
        let tracer = Tracer::start(&[]);
        let listener = server.tell("listen l 127.0.0.1:0");
        let opened = client.tell(&format!("connect c {}", listener.local));
        server.tell("accept l s");
        client.order("close c");
        server.order("close s");
        tracer.wait_for("the end of the server's", |record| record["from"] == "LAST_ACK");
        let trace = tracer.finish();
        // `Trace::check` refuses LISTEN -> ESTABLISHED, which the socket above a subflow does. What closes a subflow
        // is the socket above it: no system call on the subflow itself, and so no cause that could be proved.
        let steps = |owner: &str| -> Vec<String> {
            let of_owner = trace.of_type("transition").into_iter().map(line);
            let of_owner = of_owner.filter(|line| line.split(' ').nth(2).unwrap().starts_with(owner));
            of_owner.map(|line| line.split(' ').next().unwrap().to_owned()).collect()
        };
        // accept() on the socket above takes the first subflow from its listener.
        let evidence = if trace.sees("accepts") { "server/accept" } else { "server/listener" };
        let told: Vec<_> = trace.of_type("transition").into_iter().map(line).collect();
        let is_step = |line: &&String| line.starts_with("ESTABLISHED>") && line.contains(" server/");
        let from_open = told.iter().find(is_step).unwrap();
        assert!(from_open.contains(evidence), "{told:#?}");
        let (client, server) = (steps("client/"), steps("server/"));
        assert_eq!(client[..2], ["CLOSE>SYN_SENT", "SYN_SENT>ESTABLISHED"]);
        assert_eq!(server[..3], ["CLOSE>LISTEN", "LISTEN>SYN_RECV", "SYN_RECV>ESTABLISHED"]);
        // The sockets above agree to end, and then a worker of each closes its subflow: whichever comes first.
        let (first, second) = match client[2].as_str() {
            "ESTABLISHED>FIN_WAIT1" => (&client[2..], &server[3..]),
            _ => (&server[3..], &client[2..]),
        };
        assert_eq!(first[..2], ["ESTABLISHED>FIN_WAIT1", "FIN_WAIT1>FIN_WAIT2"]);
        assert_eq!(second, ["ESTABLISHED>CLOSE_WAIT", "CLOSE_WAIT>LAST_ACK", "LAST_ACK>CLOSE"]);
        let ports = [opened.local.port(), listener.local.port()];
        for record in trace.of_type("transition").iter().filter(|record| record["from"] != "CLOSE") {
            let ends = [&record["local"]["port"], &record["remote"]["port"]];
            assert!(ports.iter().all(|port| ends.iter().any(|end| **end == *port)), "{record}");
        }
    });
}
