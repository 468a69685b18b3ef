//! Places with process ids and times of their own, while the kernel reports those of the host.

use std::{
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};

use rustix::time::{ClockId, clock_gettime};

use crate::harness::{
    actor::Actor,
    in_a_namespace,
    tracer::{BINARY, Tracer, ran, tcptrace},
};

/// Runs the tracer in such a place.
fn inside(place: &[&str], arguments: &[&str]) -> Command {
    let mut command = Command::new("unshare");
    command.args(place).arg(BINARY).args(arguments);
    command
}

/// The same, with a connection to a port that the process has had before: process 1 of its own namespace.
fn inside_with_a_connection(place: &[&str], port: u16, arguments: &[&str]) -> Command {
    let mut command = Command::new("unshare");
    let script = "exec 3<>/dev/tcp/127.0.0.1/$0; exec \"$@\"";
    command.args(place).args(["bash", "-c", script, &port.to_string(), BINARY]).args(arguments);
    command
}

const OWN_PIDS: [&str; 4] = ["--pid", "--fork", "--mount-proc", "--kill-child=INT"];

#[test]
fn process_ids_are_not_mixed_up() {
    in_a_namespace(|| {
        let what: [&[&str]; 2] = [&["--pid", "1"], &["--", "true"]];
        for arguments in what {
            let ran = ran(&mut inside(&OWN_PIDS, arguments));
            assert_eq!(ran.code, Some(3), "{}", ran.err);
            assert!(
                ran.err.contains("a pid namespace of its own") && ran.err.contains("--pid=host"),
                "{}",
                ran.err
            );
        }
        let doctor = ran(&mut inside(&OWN_PIDS, &["doctor"]));
        assert!(doctor.out.contains("process ids"), "{}", doctor.out);
        assert!(!ran(tcptrace().arg("doctor")).out.contains("process ids"));
        let server = Actor::new("server");
        let before = server.tell("listen before 127.0.0.1:0");
        let arguments = ["--format", "json", "--netns", "self", "--duration", "2s"];
        let mut tracer =
            Tracer::spawn(inside_with_a_connection(&OWN_PIDS, before.local.port(), &arguments), true)
                .attached();
        let listener = server.tell("listen l 127.0.0.1:0");
        let told = tracer.wait_for_step(&listener.cookie, "LISTEN");
        assert_eq!(told["process"]["pid"], server.pid());
        // It is not in this /proc, where its number may be another process's.
        let found = tracer.wait_for("what was there", |record| {
            record["type"] == "socket" && record["socket"] == *before.cookie
        });
        assert!(found["process"].is_null(), "{found}");
        // What this /proc does have it has by a number that is another process's on the host.
        let own = tracer.wait_for("its own connection", |record| {
            record["type"] == "socket" && record["remote"]["port"] == before.local.port()
        });
        assert!(own["process"].is_null(), "{own}");
        let trace = tracer.ended();
        assert!(trace.err.contains("process ids are the host's"), "{}", trace.err);
    });
}

#[test]
fn times_are_not_of_another_day() {
    in_a_namespace(|| {
        let arguments = ["--format", "json", "--netns", "self", "--duration", "2s"];
        let place = ["--time", "--monotonic", "86400", "--fork", "--kill-child=INT"];
        let mut tracer = Tracer::spawn(inside(&place, &arguments), true).attached();
        let server = Actor::new("server");
        let listener = server.tell("listen l 127.0.0.1:0");
        let told = tracer.wait_for_step(&listener.cookie, "LISTEN");
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let wall_told: jiff::Timestamp = told["time"].as_str().unwrap().parse().unwrap();
        assert!(wall.abs_diff(wall_told.as_second().unsigned_abs()) < 600, "{told}");
        let mono = clock_gettime(ClockId::Monotonic).tv_sec.unsigned_abs();
        let ends = tracer.ended().of_type("end")[0]["mono_ns"].as_u64().unwrap();
        for told in [told["mono_ns"].as_u64().unwrap(), ends] {
            assert!(mono.abs_diff(told / 1_000_000_000) < 600, "{told}");
        }
    });
}
