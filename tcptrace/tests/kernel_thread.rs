//! Which thread of a process did it, by the name that it gave itself.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[expect(dead_code, reason = "each file of tests uses its part")]
mod harness;

use harness::{actor::Actor, in_a_namespace, tracer::Tracer};

#[test]
fn each_step_names_its_thread() {
    in_a_namespace(|| {
        let tracer = Tracer::start(&[]);
        let text = Tracer::start_text(&["--color", "never"]);
        let (server, client) = (Actor::new("server"), Actor::new("client"));
        let listener = server.tell("thread listen l 127.0.0.1:0");
        client.tell(&format!("connect c {}", listener.local));
        let accepted = server.tell("thread accept l s");
        server.order("thread close s");
        client.order("close c");
        tracer.wait_for_step(&accepted.cookie, "TIME_WAIT");
        let (trace, text) = (tracer.finish(), text.finish().text);
        let mut tids = Vec::new();
        for record in [&listener, &accepted].iter().flat_map(|sock| trace.of_socket(&sock.cookie)) {
            let process = &record["process"];
            assert_eq!(process["comm"], "server", "{record}");
            if record["context"] != "process" {
                assert!(process["thread"].is_null(), "{record}");
                continue;
            }
            let tid = process["thread"]["tid"].as_u64().unwrap();
            // The thread has called itself so.
            assert_eq!(process["thread"]["comm"], format!("worker-{tid}"), "{record}");
            assert_ne!(process["pid"], tid, "{record}");
            let shown = format!("{}/server:worker-{tid} ", server.pid());
            assert!(text.contains(&shown), "{shown} in {text}");
            tids.push(tid);
        }
        tids.dedup();
        // listen() and close(), each in a thread of its own.
        assert!(tids.len() >= 2, "{tids:?}: {:#?}", trace.lines());
    });
}
