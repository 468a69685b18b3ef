//! Several outputs of one trace: a timeline for people beside a recording, and what becomes of one that cannot go on.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[expect(dead_code, reason = "each file of tests uses its part")]
mod harness;

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command};

use harness::{
    actor::Actor,
    in_a_namespace, run,
    tracer::{Tracer, ran, tcptrace},
    wait_for,
};
use rustix::process::Signal;
use serde_json::Value;

/// A tracer of this namespace with these outputs besides the timeline on standard output.
fn tracer(outputs: &[String]) -> Tracer {
    let mut command = tcptrace();
    command.args(["--netns", "self", "--color", "never", "--out", "text=-"]);
    for output in outputs {
        command.args(["--out", output]);
    }
    Tracer::spawn(command, false).attached()
}

/// A connection from handshake to close.
fn visit(server: &Actor, client: &Actor, address: &str) {
    client.tell(&format!("connect c {address}"));
    server.tell("accept l s");
    client.order("close c");
    server.order("close s");
}

fn records(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn count(records: &[Value], kind: &str) -> usize {
    records.iter().filter(|record| record["type"] == kind).count()
}

/// The recording says on its own what the timeline says, and replays as that.
#[test]
fn a_timeline_and_a_recording_at_once() {
    in_a_namespace(|| {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.jsonl");
        let (server, client) = (Actor::new("server"), Actor::new("client"));
        let tracer = tracer(&[format!("json={}", path.display())]);
        let address = server.tell("listen l 127.0.0.1:0").local.to_string();
        visit(&server, &client, &address);
        wait_for("the end of the connection", || {
            tracer.lines().iter().any(|line| line.contains("LAST_ACK → CLOSE")).then_some(())
        });
        let trace = tracer.finish();
        let recorded = records(&path);
        assert_eq!((count(&recorded, "start"), count(&recorded, "end")), (1, 1));
        assert_eq!(count(&recorded, "connection"), 1);
        let arrows = trace.text.split("\n\nConnection #").next().unwrap().matches(" → ").count();
        // One is in the heading.
        assert_eq!(count(&recorded, "transition"), arrows - 1, "{}", trace.text);
        let replayed = ran(tcptrace().args(["replay", "--color", "never"]).arg(&path));
        let timeline = |text: &str| text.split("\n\nConnection #").next().unwrap().trim_end().to_owned();
        assert_eq!(timeline(&replayed.out), timeline(&trace.text));
    });
}

#[test]
fn a_full_disk_ends_one_and_the_exit_code_says_it() {
    in_a_namespace(|| {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.jsonl");
        let (server, client) = (Actor::new("server"), Actor::new("client"));
        let outputs = ["ladder=/dev/full".to_owned(), format!("json={}", path.display())];
        let mut tracer = tracer(&outputs);
        let address = server.tell("listen l 127.0.0.1:0").local.to_string();
        for _ in 0..3 {
            visit(&server, &client, &address);
        }
        wait_for("three connections", || {
            tracer.lines().iter().filter(|line| line.contains("LAST_ACK → CLOSE")).nth(2).map(drop)
        });
        tracer.signal(Signal::INT);
        let trace = tracer.ended();
        assert_eq!(trace.status.code(), Some(1), "{}", trace.err);
        for words in
            ["write to /dev/full: ", "the other outputs go on", "/dev/full lacks ", "1 of 3 outputs failed"]
        {
            assert!(trace.err.contains(words), "{words}: {}", trace.err);
        }
        assert_eq!(count(&records(&path), "connection"), 3);
        assert!(trace.text.contains("events seen = "), "{}", trace.text);
    });
}

/// Each file is opened again by its own name.
#[test]
fn sighup_opens_all_of_them_again() {
    in_a_namespace(|| {
        let directory = tempfile::tempdir().unwrap();
        let paths = ["a.jsonl", "b.jsonl"].map(|name| directory.path().join(name));
        let tracer = tracer(&paths.clone().map(|path| format!("json={}", path.display())));
        for path in &paths {
            fs::rename(path, path.with_extension("1")).unwrap();
        }
        tracer.signal(Signal::HUP);
        wait_for("the new files", || paths.iter().all(|path| path.exists()).then_some(()));
        Actor::new("server").tell("listen l 127.0.0.1:0");
        let trace = tracer.finish();
        assert!(!trace.err.contains("writing to the old one"), "{}", trace.err);
        for path in &paths {
            assert_eq!(count(&records(&path.with_extension("1")), "start"), 1);
            let after = records(path);
            assert_eq!((count(&after, "start"), count(&after, "end")), (0, 1));
        }
    });
}

/// Who forgets sudo keeps the evidence.
#[test]
fn a_trace_that_cannot_begin_leaves_a_recording_as_it_is() {
    in_a_namespace(|| {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o777)).unwrap();
        run("cp", &[env!("CARGO_BIN_EXE_tcptrace"), directory.path().to_str().unwrap()]);
        let path = directory.path().join("x.jsonl");
        fs::write(&path, "evidence\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        let main = ["--format", "json", "--output"].map(str::to_owned);
        let main: Vec<_> = main.into_iter().chain([path.display().to_string()]).collect();
        for arguments in [main, vec!["--out".to_owned(), format!("json={}", path.display())]] {
            let mut command = Command::new("setpriv");
            command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
            command.arg(directory.path().join("tcptrace")).args(&arguments);
            let ran = ran(&mut command);
            assert_eq!(ran.code, Some(3), "{}", ran.err);
            assert_eq!(fs::read_to_string(&path).unwrap(), "evidence\n", "{arguments:?}");
        }
    });
}
