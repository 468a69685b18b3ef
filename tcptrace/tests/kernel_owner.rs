//! Whose socket it is: never the task that happened to run, and never a name that can harm a terminal.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[expect(dead_code, reason = "each file of tests uses its part")]
mod harness;

use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};

use harness::{
    actor::{Actor, Sock},
    in_a_namespace, skip, ss,
    trace::line,
    tracer::Tracer,
    wait_for,
};
use serde_json::Value;

/// Where it is seen who accepts, it is known before the worker acts on it: here it never does, the peer does all.
#[test]
fn the_worker_owns_what_it_accepts() {
    who_accepts(&[]);
}

/// Where the kernel does not allow the cheap way to see it; elsewhere it is the same.
#[test]
fn the_worker_owns_what_it_accepts_by_its_call() {
    who_accepts(&["--accepts"]);
}

fn who_accepts(options: &'static [&str]) {
    in_a_namespace(move || {
        let tracer = Tracer::start(options);
        let start = tracer.records().swap_remove(0);
        let ways = ["accepts", "accept_calls"];
        let is = |value: &Value, way: &str| value == way || value["what"] == way;
        let named = |field: &str, way: &&str| {
            start[field].as_array().is_some_and(|values| values.iter().any(|value| is(value, way)))
        };
        let (seen, unseen): (Vec<_>, Vec<_>) = (
            ways.iter().filter(|way| named("sees", way)).collect(),
            ways.iter().filter(|way| named("unseen", way)).collect(),
        );
        // Never both, and of what was tried each is here or there.
        assert!(seen.len() <= 1, "{start}");
        assert_eq!(named("sees", &"accepts"), !named("unseen", &"accepts"), "{start}");
        let Some(_) = seen.first() else {
            assert_eq!(unseen.len(), 1 + options.len(), "{start}");
            return skip(&format!("who accepts is not seen: {}", start["unseen"]));
        };
        let (master, worker, client) = (Actor::new("master"), Actor::new("worker"), Actor::new("client"));
        let listener = master.tell("listen l 127.0.0.1:0");
        worker.tell(&format!("adopt l {} {}", master.pid(), listener.fd));
        let mut accepted = Vec::new();
        for (who, name) in [(&master, "a"), (&worker, "b")] {
            client.tell(&format!("connect {name} {}", listener.local));
            let sock = who.tell("accept l s");
            client.order(&format!("close {name}"));
            tracer.wait_for_step(&sock.cookie, "CLOSE_WAIT");
            accepted.push(sock);
        }
        let trace = tracer.finish();
        for (sock, last) in accepted.iter().zip([
            "ESTABLISHED>CLOSE_WAIT softirq master/accept fin_received",
            "ESTABLISHED>CLOSE_WAIT softirq worker/accept fin_received",
        ]) {
            trace.assert_life(
                sock,
                &[
                    "LISTEN>SYN_RECV softirq master/listener syn_received",
                    "SYN_RECV>ESTABLISHED softirq master/listener -",
                    last,
                ],
            );
        }
    });
}

/// Accepted when the peer has closed already, and by whom only an event after that can say.
#[test]
fn who_accepts_late_owns_it_from_then_on() {
    in_a_namespace(|| {
        let tracer = Tracer::start(&[]);
        let (master, worker, client) = (Actor::new("master"), Actor::new("worker"), Actor::new("client"));
        let listener = master.tell("listen l 127.0.0.1:0");
        worker.tell(&format!("adopt l {} {}", master.pid(), listener.fd));
        let opened = client.tell(&format!("connect c {}", listener.local));
        client.order("shutdown c");
        let closing = tracer.wait_for("the FIN", |record| record["to"] == "CLOSE_WAIT");
        let accepted = worker.tell("accept l s");
        assert_eq!(closing["socket"], *accepted.cookie);
        // What the client had not read makes its close a reset, which is what the server's end hears of.
        worker.order("send s");
        client.order("wait c");
        client.order("close c");
        tracer.wait_for_step(&accepted.cookie, "CLOSE");
        let trace = tracer.finish();
        let owner = if trace.acceptor() == "accept" { "worker/accept" } else { "master/listener" };
        trace.assert_life(
            &accepted,
            &[
                "LISTEN>SYN_RECV softirq master/listener syn_received",
                "SYN_RECV>ESTABLISHED softirq master/listener -",
                "ESTABLISHED>CLOSE_WAIT softirq master/listener fin_received",
                &format!("CLOSE_WAIT>CLOSE softirq {owner} reset_received"),
            ],
        );
        assert!(ss::of(&opened).is_none());
    });
}

/// No system call tells of these; its workers are threads of the process that asked.
#[test]
fn who_accepts_by_io_uring() {
    in_a_namespace(|| {
        let tracer = Tracer::start(&[]);
        let (master, worker, client) = (Actor::new("master"), Actor::new("worker"), Actor::new("client"));
        let answer = worker.speak("ring");
        if answer != "done" {
            return skip(&format!("this kernel gives no io_uring: {answer}"));
        }
        let listener = master.tell("listen l 127.0.0.1:0");
        worker.tell(&format!("adopt l {} {}", master.pid(), listener.fd));
        let mut accepted = Vec::new();
        for place in ["here", "worker"] {
            client.tell(&format!("connect {place} {}", listener.local));
            accepted.push(worker.tell(&format!("accept-by-ring l {place} {place}")));
            client.order(&format!("close {place}"));
        }
        for sock in &accepted {
            tracer.wait_for_step(&sock.cookie, "CLOSE_WAIT");
        }
        let trace = tracer.finish();
        let owner = if trace.sees("accepts") { "worker/accept" } else { "master/listener" };
        for sock in &accepted {
            trace.assert_life(
                sock,
                &[
                    "LISTEN>SYN_RECV softirq master/listener syn_received",
                    "SYN_RECV>ESTABLISHED softirq master/listener -",
                    &format!("ESTABLISHED>CLOSE_WAIT softirq {owner} fin_received"),
                ],
            );
        }
    });
}

/// The delayed ACK comes from a timer, on the time of whoever runs then: here always of one that has nothing to do with it.
#[test]
fn a_bystander_is_never_the_owner() {
    in_a_namespace(|| {
        let tracer = Tracer::start(&[]);
        let (server, client, bystander) =
            (Actor::new("server"), Actor::new("client"), Actor::new("bystander"));
        for actor in [&server, &client, &bystander] {
            actor.order("pin 0");
        }
        bystander.begin("spin");
        let listener = server.tell("listen l 127.0.0.1:0");
        let mut socks: Vec<(Sock, Sock)> = Vec::new();
        for _ in 0..20 {
            let opened = client.tell(&format!("connect c {}", listener.local));
            let accepted = server.tell("accept l s");
            client.order("close c");
            tracer.wait_for("the orphan", |record| {
                record["type"] == "orphan" && record["socket"] == *opened.cookie
            });
            server.order("close s");
            socks.push((opened, accepted));
        }
        let trace = tracer.finish();
        for (opened, accepted) in &socks {
            for (sock, owner) in [(opened, "client/"), (accepted, "server/")] {
                for line in trace.life(sock) {
                    assert!(line.split(' ').nth(2).unwrap().starts_with(owner), "{line}");
                }
            }
        }
        assert!(trace.records.iter().all(|record| record["process"]["comm"] != "bystander"));
    });
}

#[test]
fn a_process_in_a_pid_namespace_has_its_id_out_here() {
    in_a_namespace(|| {
        let tracer = Tracer::start(&[]);
        let inside = Actor::inside(&["unshare", "--pid", "--fork", "--kill-child"], "inside");
        let listener = inside.tell("listen l 127.0.0.1:0");
        assert_eq!(inside.speak("pid"), "1");
        tracer.wait_for_step(&listener.cookie, "LISTEN");
        let trace = tracer.finish();
        trace.assert_life(&listener, &["CLOSE>LISTEN process inside/syscall -"]);
        assert_eq!(trace.of_socket(&listener.cookie)[0]["process"]["pid"], inside.pid());
        assert_eq!(ss::wait(&listener, "LISTEN").pids, [inside.pid()]);
    });
}

#[test]
fn the_user_is_that_of_the_call() {
    in_a_namespace(|| {
        let tracer = Tracer::start(&[]);
        let server = Actor::new("server");
        server.order("become 65534");
        let listener = server.tell("listen l 127.0.0.1:0");
        tracer.wait_for_step(&listener.cookie, "LISTEN");
        let trace = tracer.finish();
        assert_eq!(trace.of_socket(&listener.cookie)[0]["process"]["uid"], 65_534);
    });
}

/// Escape sequences, a line break, quotes, a turn of the writing direction, and bytes that are not UTF-8.
const NAMES: [&[u8]; 3] =
    [b"\x1b[31m\n\"\\x\r", "a\u{202e}b\u{200b}\u{7f}".as_bytes(), b"\xff\xfe\x9b1m'\t\x07"];

#[test]
fn a_hostile_name_does_no_harm() {
    in_a_namespace(|| {
        let names = NAMES.map(OsStr::from_bytes);
        // Half of them are there before the trace: their names come from /proc and not from the kernel side.
        let before = names.map(|name| {
            let actor = Actor::new(name);
            actor.tell("listen l 127.0.0.1:0");
            actor
        });
        let (json, text) = (Tracer::start(&[]), Tracer::start_text(&["--color", "never"]));
        let after = names.map(|name| {
            let actor = Actor::new(name);
            actor.tell("listen l 127.0.0.1:0");
            actor.order("close l");
            actor
        });
        json.wait_for("the last step", |record| {
            record["process"]["pid"] == after[2].pid() && record["to"] == "CLOSE"
        });
        let lists = |actor: &Actor| {
            let word = format!("{}/", actor.pid());
            text.lines().iter().any(|line| line.contains(&word))
        };
        wait_for("the text", || before.iter().chain(&after).all(lists).then_some(()));
        let (json, text) = (json.finish(), text.finish());
        for name in NAMES {
            let name = String::from_utf8_lossy(name);
            let told = json.records.iter().filter(|record| record["process"]["comm"] == *name).map(line);
            let steps: Vec<_> = told.map(|line| line.split(' ').next().unwrap().to_owned()).collect();
            assert_eq!(steps, ["socket:LISTEN", "CLOSE>LISTEN", "LISTEN>CLOSE"], "{name:?}");
        }
        let harmful = |c: &char| (c.is_control() && *c != '\n') || "\u{202e}\u{200b}".contains(*c);
        for out in [&json.text, &text.text] {
            assert_eq!(out.chars().find(harmful), None, "{out:?}");
        }
        for actor in before.iter().chain(&after) {
            let word = format!("{}/", actor.pid());
            let lines: Vec<_> = text.text.lines().filter(|line| line.contains(&word)).collect();
            assert!(lines.iter().all(|line| line.contains("LISTEN")), "a name broke its line: {lines:#?}");
        }
    });
}
