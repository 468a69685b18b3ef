//! Confinement of a running trace, tried out on the real program: each of its threads tries to break out, and the
//! trace still tells what it must.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[path = "../harness/mod.rs"]
#[expect(dead_code, reason = "each file of tests uses its part")]
mod harness;

// By the numbers and registers of one machine.
#[cfg(target_arch = "x86_64")]
mod attacks;
#[cfg(target_arch = "x86_64")]
mod calls;
#[cfg(target_arch = "x86_64")]
mod modes;
#[cfg(target_arch = "x86_64")]
mod puppet;

use harness::{actor::Actor, in_a_namespace, tracer::Tracer};

#[test]
fn a_trace_has_little_and_tells_all() {
    in_a_namespace(|| {
        let tracer = Tracer::start(&["--stuck", "1s"]);
        let (server, client) = (Actor::new("server"), Actor::new("client"));
        let listener = server.tell("listen l 127.0.0.1:0");
        let opened = client.tell(&format!("connect c {}", listener.local));
        let accepted = server.tell("accept l s");
        client.order("close c");
        // Read from /proc, when it is long over that there was all privilege.
        let stuck = tracer.wait_for("what is stuck", |record| {
            record["type"] == "stuck" && record["socket"] == *accepted.cookie
        });
        assert_eq!(stuck["fd"], accepted.fd);
        server.order("close s");
        tracer.wait_for_step(&accepted.cookie, "CLOSE");
        let trace = tracer.finish();
        assert!(!trace.of_socket(&opened.cookie).is_empty());
        assert!(!trace.err.contains("not permitted"), "{}", trace.err);
    });
}

#[test]
fn it_goes_on_as_somebody_else() {
    in_a_namespace(|| {
        let tracer = Tracer::start(&["--user", "nobody", "--stuck", "1s"]);
        let (server, client) = (Actor::new("server"), Actor::new("client"));
        let listener = server.tell("listen l 127.0.0.1:0");
        client.tell(&format!("connect c {}", listener.local));
        let accepted = server.tell("accept l s");
        client.order("close c");
        let stuck = tracer.wait_for("what is stuck", |record| {
            record["type"] == "stuck" && record["socket"] == *accepted.cookie
        });
        // Root's, and yet nobody sees it.
        assert_eq!(stuck["fd"], accepted.fd);
        drop(client);
        let trace = tracer.finish();
        assert!(!trace.err.contains("not permitted"), "{}", trace.err);
    });
}
