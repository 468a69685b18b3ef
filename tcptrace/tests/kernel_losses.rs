//! Losses on purpose: what was lost is said and counted, and then a sock_diag dump shows how things are.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[expect(dead_code, reason = "each file of tests uses its part")]
mod harness;

use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::Stdio,
    sync::{Arc, Mutex},
    thread,
};

use harness::{
    actor::{Actor, Sock},
    in_a_namespace, ss,
    trace::Trace,
    tracer::Tracer,
    wait_for,
};
use rustix::process::Signal;

/// More events than fit into the smallest buffer, several times over.
fn flood(server: &Actor, client: &Actor, listener: &Sock) {
    server.begin("serve l 500");
    client.begin(&format!("visit {} 500", listener.local));
    for actor in [server, client] {
        assert_eq!(actor.answer(), "done");
    }
}

#[track_caller]
fn assert_losses_add_up(trace: &Trace) {
    let told = trace.of_type("lost");
    let told: u64 = told.iter().map(|record| record["count"].as_u64().unwrap()).sum();
    assert!(told > 0, "nothing was lost: the buffer is too large for this test");
    assert_eq!(told, trace.total("lost"));
}

/// While it is stopped one connection goes on, one ends, one begins.
#[test]
fn after_a_loss_the_dump_shows_how_things_are() {
    in_a_namespace(|| {
        let tracer = Tracer::start(&["--buffer", "4K"]);
        let (server, client) = (Actor::new("server"), Actor::new("client"));
        let listener = server.tell("listen l 127.0.0.1:0");
        let other = server.tell("listen m 127.0.0.1:0");
        let connect = |name: &str| {
            let end = client.tell(&format!("connect {name} {}", other.local));
            (end, server.tell(&format!("accept m {name}")))
        };
        let (half, half_at_server) = connect("half");
        let (over, over_at_server) = connect("over");
        for socket in [&half_at_server, &over_at_server] {
            tracer.wait_for_step(&socket.cookie, "ESTABLISHED");
        }
        tracer.signal(Signal::STOP);
        flood(&server, &client, &listener);
        client.order("shutdown half");
        client.order("linger0 over");
        client.order("close over");
        let (new, _) = connect("new");
        ss::wait(&half, "FIN_WAIT2");
        tracer.signal(Signal::CONT);

        let lost = tracer.wait_for("the loss", |record| record["type"] == "lost");
        assert_eq!(lost["reason"], "ring_full");
        for (socket, state) in [
            (&half, "FIN_WAIT2"),
            (&half_at_server, "CLOSE_WAIT"),
            (&over, "CLOSE"),
            (&over_at_server, "CLOSE"),
        ] {
            let step = tracer.wait_for_step(&socket.cookie, state);
            assert_eq!(
                (&step["context"], &step["evidence"]),
                (&"inferred".into(), &"sock_diag".into()),
                "{step}"
            );
            assert!(step["mono_ns"].as_u64() >= lost["mono_ns"].as_u64(), "{step}");
            assert!(step["in_from_ns"].is_null(), "when it happened is not known: {step}");
        }
        let found = tracer.wait_for("the new one", |record| record["socket"] == new.cookie);
        assert_eq!((&found["type"], &found["state"]), (&"socket".into(), &"ESTABLISHED".into()), "{found}");
        assert_eq!(found["process"]["comm"], "client", "{found}");
        // And it goes on from there.
        client.order("close new");
        let step = tracer.wait_for_step(&new.cookie, "FIN_WAIT1");
        assert_eq!((&step["from"], &step["context"]), (&"ESTABLISHED".into(), &"process".into()), "{step}");
        let trace = tracer.finish();
        assert_losses_add_up(&trace);
        // In the order of what happened: what the buffer had, the gap, the truth.
        let place =
            |wanted: &dyn Fn(&serde_json::Value) -> bool| trace.records.iter().position(wanted).unwrap();
        let gap = place(&|record| record["type"] == "lost");
        let truth = place(&|record| record["evidence"] == "sock_diag" || record["socket"] == new.cookie);
        assert!(gap < truth, "{:#?}", trace.lines());
    });
}

/// Nobody reads for a while, so the tracer waits to write, and its buffer overflows; then somebody does.
#[test]
fn a_full_pipe_loses_nothing_unsaid() {
    in_a_namespace(|| {
        let mut child = harness::Reaped(
            harness::tracer::tcptrace()
                .args(["--format", "json", "--netns", "self", "--buffer", "64K"])
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap(),
        );
        let out = child.0.stdout.take().unwrap();
        let waiting = || rustix::io::ioctl_fionread(&out).unwrap();
        wait_for("the start", || (waiting() > 0).then_some(()));
        let (server, client) = (Actor::new("server"), Actor::new("client"));
        let listener = server.tell("listen l 127.0.0.1:0");
        flood(&server, &client, &listener);
        wait_for("a pipe that fills", || (waiting() > 30_000).then_some(()));
        let pid = rustix::process::Pid::from_raw(i32::try_from(child.0.id()).unwrap()).unwrap();
        // Once somebody reads again, everything comes out, and the end too.
        let told = Arc::new(Mutex::new(String::new()));
        let reader = thread::spawn({
            let told = Arc::clone(&told);
            move || {
                let mut out = BufReader::new(out);
                let mut line = String::new();
                while out.read_line(&mut line).unwrap() > 0 {
                    told.lock().unwrap().push_str(&line);
                    line.clear();
                }
            }
        });
        let says = |what: &str| told.lock().unwrap().contains(what).then_some(());
        // Until then the kernel's buffer is full.
        wait_for("the loss", || says("\"type\":\"lost\""));
        let after = server.tell("listen after 127.0.0.1:0");
        wait_for("what comes after it", || says(&format!("\"socket\":\"{}\"", after.cookie)));
        rustix::process::kill_process(pid, Signal::INT).unwrap();
        let status = harness::actor::wait(&mut child.0);
        reader.join().unwrap();
        let text = told.lock().unwrap().clone();
        let mut err = String::new();
        child.0.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        assert_eq!(status.code(), Some(0), "{err}");
        assert!(text.ends_with('\n'), "a torn line at the end");
        let records = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let trace = Trace { records, text, err, status };
        trace.check();
        assert_losses_add_up(&trace);
    });
}
