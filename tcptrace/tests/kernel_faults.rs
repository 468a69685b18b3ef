//! What goes wrong around a tracer: it goes on, or says what happened; and it leaves nothing behind.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[expect(dead_code, reason = "each file of tests uses its part")]
mod harness;

use std::{fs, path::Path, process::Command};

use harness::{
    Reaped,
    actor::Actor,
    in_a_namespace,
    inject::{self, Buffer},
    ss,
    tracer::{BINARY, Tracer, tcptrace},
    wait_for,
};
use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};
use serde_json::Value;
use tcptrace::event::RawEvent;
use tcptrace_ebpf::{Kind, RECORD_VERSION, RawAccept, RawFork, RawSocketEvent, RawTransition};

/// Runs a line of shell in a mount namespace of its own, with a tracer in `$tcptrace`.
fn with_own_mounts(script: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-c", script]);
    command.env("tcptrace", BINARY).env_remove("RUST_LOG");
    command
}

/// A file system that holds next to nothing: whole lines as far as it goes, of which the last one may be cut off, and the
/// reason.
#[test]
fn a_full_disk() {
    in_a_namespace(|| {
        let dir = tempfile::tempdir().unwrap();
        let (server, client) = (Actor::new("server"), Actor::new("client"));
        let listener = server.tell("listen l 127.0.0.1:0");
        server.begin("serve l 200");
        let script = format!(
            "mount -t tmpfs -o size=64k none {dir} || exit 99
            \"$tcptrace\" --format json --netns self -o {dir}/x; code=$?; cat {dir}/x; exit $code",
            dir = dir.path().display()
        );
        let child = with_own_mounts(&script)
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        // What happens before it is attached is listed instead, and fills the file all the same.
        client.begin(&format!("visit {} 200", listener.local));
        for actor in [&server, &client] {
            assert_eq!(actor.answer(), "done");
        }
        // Until the disk is full, however late the tracer came.
        let mut child = Reaped(child);
        wait_for("the tracer to give up", || {
            server.tell("listen more 127.0.0.1:0");
            server.order("close more");
            child.0.try_wait().unwrap()
        });
        let status = child.0.wait().unwrap();
        let read = |from: &mut dyn std::io::Read| {
            let mut text = String::new();
            from.read_to_string(&mut text).unwrap();
            text
        };
        let out = read(&mut child.0.stdout.take().unwrap());
        let err = read(&mut child.0.stderr.take().unwrap());
        assert_eq!(status.code(), Some(1), "{err}");
        assert!(err.contains("No space left") && !err.contains("panicked"), "{err}");
        let lacks = err.split_once("the output lacks ").map(|(_, lacks)| lacks.split_once(' ').unwrap().0);
        assert!(lacks.is_some_and(|lines| lines.parse::<u32>().unwrap() > 0), "{err}");
        let (whole, torn) = out.rsplit_once('\n').unwrap();
        assert!(whole.lines().count() > 20, "{whole}");
        for line in whole.lines() {
            serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        }
        assert!(!torn.contains('\n') && torn.len() < 1000, "{torn}");
    });
}

/// As a full disk: an error, and whole lines; not a signal that ends the process amid one.
#[test]
fn a_file_that_may_not_grow() {
    in_a_namespace(|| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.jsonl");
        let mut command = tcptrace();
        command.args(["--format", "json", "--netns", "self", "--output"]).arg(&path);
        let mut tracer = Tracer::spawn(command, false);
        wait_for("the start", || fs::read_to_string(&path).ok().filter(|text| text.ends_with('\n')));
        let limit = Rlimit { current: Some(5_000), maximum: Some(5_000) };
        prlimit(Pid::from_raw(i32::try_from(tracer.pid()).unwrap()), Resource::Fsize, limit).unwrap();
        let server = Actor::new("server");
        wait_for("the limit", || {
            server.tell("listen l 127.0.0.1:0");
            server.order("close l");
            tracer.has_ended().then_some(())
        });
        let trace = tracer.ended();
        assert_eq!(trace.status.code(), Some(1), "{}", trace.err);
        assert!(
            trace.err.contains("File too large") && trace.err.contains("the output lacks "),
            "{}",
            trace.err
        );
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.ends_with('\n') && text.len() > 3_000, "{text}");
        for line in text.lines() {
            serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        }
    });
}

/// The trace goes on in the file that has no name any more; nobody has asked for another one.
#[test]
fn an_output_file_that_is_removed() {
    in_a_namespace(|| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.jsonl");
        let mut command = tcptrace();
        command.args(["--format", "json", "--netns", "self", "--output"]).arg(&path);
        let tracer = Tracer::spawn(command, false);
        wait_for("the start", || fs::read_to_string(&path).ok().filter(|text| text.ends_with('\n')));
        fs::remove_file(&path).unwrap();
        let server = Actor::new("server");
        server.tell("listen l 127.0.0.1:0");
        let trace = tracer.finish();
        assert_eq!((trace.status.code(), path.exists()), (Some(0), false), "{}", trace.err);
    });
}

/// The numbers of the programs that a process has open.
fn programs(pid: u32) -> Vec<String> {
    let files = fs::read_dir(format!("/proc/{pid}/fdinfo")).unwrap();
    let text = |file: fs::DirEntry| fs::read_to_string(file.path()).unwrap_or_default();
    let ids = files.filter_map(|file| {
        let text = text(file.ok()?);
        Some(text.lines().find_map(|line| line.strip_prefix("prog_id:"))?.trim().to_owned())
    });
    ids.collect()
}

/// The kernel detaches and frees everything with the last descriptor.
#[test]
fn a_killed_tracer_leaves_nothing_behind() {
    if Command::new("bpftool").arg("version").output().is_err() {
        return harness::skip("no bpftool");
    }
    in_a_namespace(|| {
        let mut tracer = Tracer::start(&[]);
        let programs = programs(tracer.pid());
        let is_loaded = |id: &String| {
            Command::new("bpftool").args(["prog", "show", "id", id]).output().unwrap().status.success()
        };
        assert!(!programs.is_empty() && programs.iter().all(is_loaded), "{programs:?}");
        tracer.signal(Signal::KILL);
        assert_eq!(tracer.ended().status.code(), None);
        wait_for("the programs to go", || (!programs.iter().any(is_loaded)).then_some(()));
    });
}

/// Its last process ends, and the kernel closes what is in it, `TIME_WAIT` too.
#[test]
fn a_namespace_that_vanishes() {
    in_a_namespace(|| {
        let mut command = tcptrace();
        command.args(["--format", "json", "--port", "10061"]);
        let tracer = Tracer::spawn(command, true).attached();
        let inside = Actor::inside(
            &["unshare", "--net", "sh", "-c", "ip link set lo up; exec \"$0\" \"$@\""],
            "inside",
        );
        let listener = inside.tell("listen l 127.0.0.1:10061");
        let opened = inside.tell(&format!("connect c {}", listener.local));
        let accepted = inside.tell("accept l s");
        let server_end = tracer.wait_for_step(&accepted.cookie, "ESTABLISHED");
        assert!(server_end["netns"].is_string(), "{server_end}");
        inside.exit();
        for socket in [&listener, &opened, &accepted] {
            tracer.wait_for("its end", |record| {
                let over = record["to"] == "CLOSE" || record["to"] == "TIME_WAIT";
                record["socket"] == socket.cookie && (over || record["type"] == "orphan")
            });
        }
        tracer.finish();
    });
}

#[test]
fn few_descriptors() {
    in_a_namespace(|| {
        let mut command = Command::new("sh");
        command.args(["-c", "ulimit -n 32; exec \"$0\" --format json --netns self"]);
        command.arg(BINARY);
        let tracer = Tracer::spawn(command, true).attached();
        let server = Actor::new("server");
        let port = server.tell("listen l 127.0.0.1:0").local.port();
        tracer.wait_for("the listener", |record| record["to"] == "LISTEN" && record["local"]["port"] == port);
        let trace = tracer.finish();
        // The better hook may need more of them: then it is said so.
        let start = trace.of_type("start")[0];
        assert!(start["probe"] == "btf" || trace.err.contains("open files"), "{start} {}", trace.err);
    });
}

#[test]
fn two_tracers_tell_the_same() {
    in_a_namespace(|| {
        let tracers = [Tracer::start(&[]), Tracer::start(&[])];
        let (server, client) = (Actor::new("server"), Actor::new("client"));
        let listener = server.tell("listen l 127.0.0.1:0");
        server.begin("serve l 100");
        client.begin(&format!("visit {} 100", listener.local));
        for actor in [&server, &client] {
            assert_eq!(actor.answer(), "done");
        }
        ss::wait_for_the_last_to_end();
        let last = server.tell("listen last 127.0.0.1:0");
        let told = tracers.map(|tracer| {
            tracer.wait_for_step(&last.cookie, "LISTEN");
            let trace = tracer.finish();
            let steps = trace.of_type("transition").into_iter();
            let told = |record: &Value| {
                format!(
                    "{} {} {}>{}",
                    record["mono_ns"].is_number(),
                    record["socket"],
                    record["from"],
                    record["to"]
                )
            };
            let mut steps: Vec<_> = steps.map(told).collect();
            steps.sort();
            (trace.total("lost"), steps)
        });
        let [(lost, one), (also_lost, other)] = told;
        if (lost, also_lost) == (0, 0) {
            let lacks = |these: &[String], those: &[String]| -> Vec<String> {
                those.iter().filter(|step| !these.contains(step)).cloned().collect()
            };
            assert!(one == other, "lacks {:?}, {:?}", lacks(&one, &other), lacks(&other, &one));
        }
        assert!(one.len() > 900 && other.len() > 900);
    });
}

/// In a mount namespace of its own: what is attached stays so.
#[test]
fn tracefs_goes_away() {
    in_a_namespace(|| {
        let dir = tempfile::tempdir().unwrap();
        let go = dir.path().join("go");
        let script = format!(
            "\"$tcptrace\" --format json --netns self --probe tracepoint &
            while [ ! -e {go} ]; do sleep 0.05; done
            umount -l /sys/kernel/tracing; umount -l /sys/kernel/debug/tracing 2>/dev/null; touch {go}.done
            wait",
            go = go.display()
        );
        let tracer = Tracer::spawn(with_own_mounts(&script), true).attached();
        fs::write(&go, "").unwrap();
        wait_for("the file system to go", || {
            Path::new(&format!("{}.done", go.display())).exists().then_some(())
        });
        let server = Actor::new("server");
        let listener = server.tell("listen l 127.0.0.1:0");
        let port = listener.local.port();
        tracer.wait_for("the listener", |record| record["to"] == "LISTEN" && record["local"]["port"] == port);
    });
}

/// A record of every length and many contents, among them such as this version has: what makes no sense is counted, and
/// what comes with it is told.
#[test]
fn records_that_make_no_sense() {
    in_a_namespace(|| {
        let mut command = tcptrace();
        command.args(["--format", "json", "--netns", "self"]);
        // Not checked as JSON traces are: the kernel side has not counted what another program writes.
        let mut tracer = Tracer::spawn(command, false).attached();
        let buffer = Buffer::of(tracer.pid());
        let mut random = Random(0x7c97);
        let mut undecodable = 0;
        for length in 0..=inject::LONGEST {
            let mut record = random.bytes(length);
            if let [version, kind, ..] = record.as_mut_slice()
                && length % 2 == 0
            {
                (*version, *kind) = (RECORD_VERSION, *kind % (Kind::ACCEPT + 2));
            }
            undecodable += u64::from(RawEvent::decode(&record).is_err());
            buffer.put(&record);
        }
        for (kind, length) in [
            (Kind::TRANSITION, size_of::<RawTransition>()),
            (Kind::TIMEWAIT, size_of::<RawSocketEvent>()),
            (Kind::FORK, size_of::<RawFork>()),
            (Kind::ACCEPT, size_of::<RawAccept>()),
        ] {
            for _ in 0..50 {
                let mut record = random.bytes(length);
                let states = [record[2], record[3]].map(|state| state % 12 + 1);
                record[..4].copy_from_slice(&[RECORD_VERSION, kind, states[0], states[1]]);
                undecodable += u64::from(RawEvent::decode(&record).is_err());
                buffer.put(&record);
            }
        }
        let (server, client) = (Actor::new("server"), Actor::new("client"));
        let listener = server.tell("listen l 127.0.0.1:0");
        let end = client.tell(&format!("connect c {}", listener.local));
        for state in ["SYN_SENT", "ESTABLISHED"] {
            tracer.wait_for_step(&end.cookie, state);
        }
        let told = || -> u64 {
            let records = tracer.records();
            let lost = records.iter().filter(|record| record["reason"] == "undecodable");
            lost.map(|record| record["count"].as_u64().unwrap()).sum()
        };
        wait_for("all of them to be counted", || (told() == undecodable).then_some(()));
        assert!(undecodable > 400, "{undecodable}");
        tracer.signal(Signal::INT);
        let trace = tracer.ended();
        assert_eq!(trace.status.code(), Some(0), "{}", trace.err);
    });
}

/// Numbers that look random and are the same each time (xorshift).
struct Random(u64);

impl Random {
    fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut byte = || {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 >> 32) as u8
        };
        (0..length).map(|_| byte()).collect()
    }
}
