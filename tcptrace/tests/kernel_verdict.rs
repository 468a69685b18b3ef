//! What connections come to, by the kernel's own numbers; sockets that are stuck, and what `--fail-on` makes of it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[expect(dead_code, reason = "each file of tests uses its part")]
mod harness;

use harness::{
    actor::{Actor, Sock},
    in_a_namespace,
    trace::Trace,
    tracer::{Tracer, tcptrace},
};
use rustix::process::Signal;
use serde_json::Value;

/// A client and a server, connected: the client's socket and the server's.
fn connect(server: &Actor, client: &Actor) -> (Sock, Sock) {
    let listener = server.tell("listen l 127.0.0.1:0");
    let opened = client.tell(&format!("connect c {}", listener.local));
    (opened, server.tell("accept l s"))
}

/// The only summary of the connection of this socket.
#[track_caller]
fn summary(trace: &Trace, sock: &Sock) -> Value {
    let has = |record: &&Value| {
        record["ends"].as_array().is_some_and(|ends| ends.iter().any(|end| end["socket"] == sock.cookie))
    };
    let all: Vec<_> = trace.of_type("connection").into_iter().filter(has).collect();
    assert_eq!(all.len(), 1, "{all:#?}\n{:#?}", trace.lines());
    all[0].clone()
}

/// Its fields of these names, as one line.
fn fields(summary: &Value, names: &[&str]) -> String {
    let words = names.iter().map(|name| summary.pointer(name).map_or("-".to_owned(), Value::to_string));
    words.collect::<Vec<_>>().join(" ")
}

const GIST: [&str; 6] = ["/open", "/ended", "/opener", "/closed_first", "/reset_by", "/completeness"];
const BYTES: [&str; 2] = ["/ends/0/payload_bytes", "/ends/1/payload_bytes"];

#[test]
fn in_order_with_every_byte() {
    in_a_namespace(|| {
        let tracer = Tracer::start(&[]);
        let (server, client) = (Actor::new("server"), Actor::new("client"));
        let (opened, accepted) = connect(&server, &client);
        for _ in 0..3 {
            client.order("send c");
            server.order("wait s");
            assert_eq!(server.speak("receive s"), "received 1");
        }
        server.order("send s");
        client.order("wait c");
        assert_eq!(client.speak("receive c"), "received 1");
        client.order("close c");
        tracer.wait_for_step(&accepted.cookie, "CLOSE_WAIT");
        server.order("close s");
        tracer.wait_for("the summary", |record| record["type"] == "connection");
        let trace = tracer.finish();
        let summary = summary(&trace, &opened);
        assert_eq!(fields(&summary, &GIST), r#"false "in_order" 0 0 - "whole""#, "{summary}");
        assert_eq!(fields(&summary, &BYTES), "3 1", "{summary}");
        for (index, sock, comm) in [(0, &opened, "client"), (1, &accepted, "server")] {
            let end = &summary["ends"][index];
            assert_eq!(
                (&end["socket"], &end["process"]["comm"]),
                (&sock.cookie.clone().into(), &comm.into())
            );
            assert!(end["handshake_ns"].is_u64() && end["retransmits"].is_u64(), "{summary}");
        }
        let ns = |name: &str| summary[name].as_u64().unwrap();
        assert_eq!(ns("lasted_ns") - ns("teardown_ns") - ns("established_ns"), {
            summary["ends"][0]["handshake_ns"].as_u64().unwrap()
        });
        assert!(ns("half_closed_ns") <= ns("teardown_ns"));
        // Right after the last transition.
        let last = trace.records.iter().rposition(|record| {
            record["type"] == "transition"
                && record["connection"] == summary["connection"]
                && record["from"] != "TIME_WAIT"
        });
        assert_eq!(trace.records[last.unwrap() + 1], summary);
    });
}

#[test]
fn refused_and_reset() {
    in_a_namespace(|| {
        let tracer = Tracer::start(&[]);
        let (server, client) = (Actor::new("server"), Actor::new("client"));
        let (opened, accepted) = connect(&server, &client);
        server.order("linger0 s");
        server.order("close s");
        tracer.wait_for_step(&opened.cookie, "CLOSE");
        let nobody = client.tell("bind nobody 127.0.0.1:0");
        assert_eq!(client.speak(&format!("connect refused {}", nobody.local)), "error 111");
        tracer.wait_for("the refusal", |record| record["ended"] == "refused");
        let trace = tracer.finish();
        let reset = summary(&trace, &accepted);
        assert_eq!(fields(&reset, &GIST), r#"false "reset" 0 1 1 "whole""#, "{reset}");
        let refused = trace.of_type("connection").into_iter().find(|record| record["ended"] == "refused");
        assert_eq!(fields(refused.unwrap(), &GIST), r#"false "refused" 0 - - "whole""#);
    });
}

#[test]
fn half_closed_when_the_trace_ends() {
    in_a_namespace(|| {
        let tracer = Tracer::start(&[]);
        let (server, client) = (Actor::new("server"), Actor::new("client"));
        let (opened, _) = connect(&server, &client);
        client.order("send c");
        client.order("shutdown c");
        tracer.wait_for_step(&opened.cookie, "FIN_WAIT2");
        let trace = tracer.finish();
        let summary = summary(&trace, &opened);
        assert_eq!(fields(&summary, &GIST), r#"true - 0 0 - "whole""#, "{summary}");
        assert_eq!(fields(&summary, &BYTES), "1 -", "{summary}");
        assert!(summary["half_closed_ns"].as_u64().unwrap() > 0);
    });
}

#[test]
fn a_client_that_does_not_close_is_stuck() {
    in_a_namespace(|| {
        let tracer = Tracer::start(&["--stuck", "CLOSE_WAIT=500ms"]);
        let (server, client) = (Actor::new("server"), Actor::new("client"));
        let (opened, _) = connect(&server, &client);
        server.kill(Signal::INT);
        let stuck = tracer.wait_for("it to be stuck twice", |record| record["count"] == 2);
        let trace = {
            client.order("close c");
            tracer.wait_for("the summary", |record| record["type"] == "connection");
            tracer.finish()
        };
        let all = trace.of_type("stuck");
        let entered = trace.of_socket(&opened.cookie).into_iter().find(|record| record["to"] == "CLOSE_WAIT");
        let entered = entered.unwrap()["mono_ns"].as_u64().unwrap();
        for (index, record) in all.iter().enumerate() {
            let for_ns = record["for_ns"].as_u64().unwrap();
            assert!(for_ns >= 500_000_000 << index, "{record}");
            assert_eq!(record["mono_ns"].as_u64().unwrap() - for_ns, entered, "{record}");
            assert_eq!(
                (&record["socket"], &record["state"]),
                (&opened.cookie.clone().into(), &"CLOSE_WAIT".into())
            );
            assert_eq!(record["count"], index as u64 + 1);
            assert_eq!(record["process"]["pid"], client.pid());
            assert_eq!(record["fd"], opened.fd);
        }
        assert_eq!(stuck["type"], "stuck");
    });
}

#[test]
fn what_was_there_before_is_stuck_for_at_least_so_long() {
    in_a_namespace(|| {
        let (server, client) = (Actor::new("server"), Actor::new("client"));
        let (opened, _) = connect(&server, &client);
        server.kill(Signal::INT);
        harness::ss::wait(&opened, "CLOSE_WAIT");
        let tracer = Tracer::start(&["--stuck", "CLOSE_WAIT=100ms"]);
        let stuck = tracer.wait_for("it to be stuck", |record| record["type"] == "stuck");
        assert_eq!((&stuck["at_least"], &stuck["fd"]), (&true.into(), &opened.fd.into()), "{stuck}");
        tracer.finish();
    });
}

#[test]
fn conditions_make_it_fail_with_4() {
    in_a_namespace(|| {
        let ended = |condition: &str, reset: bool| {
            let mut command = tcptrace();
            command.args(["-f", "json", "--netns", "self", "--fail-on", condition]);
            let mut tracer = Tracer::spawn(command, true).attached();
            let (server, client) = (Actor::new("server"), Actor::new("client"));
            let (opened, _) = connect(&server, &client);
            if reset {
                client.order("linger0 c");
            }
            client.order("close c");
            tracer.wait_for_step(&opened.cookie, if reset { "CLOSE" } else { "FIN_WAIT2" });
            tracer.signal(Signal::INT);
            let trace = tracer.ended();
            assert_eq!(trace.records.last().unwrap()["type"], "end");
            (trace.status.code().unwrap(), trace.err)
        };
        let (code, err) = ended("stuck,reset", true);
        assert_eq!(code, 4, "{err}");
        assert!(err.contains("connections reset: 1") && !err.contains("stuck"), "{err}");
        for (condition, reset) in [("reset", false), ("illegal", true)] {
            let (code, err) = ended(condition, reset);
            assert_eq!(code, 0, "{err}");
        }
    });
}
