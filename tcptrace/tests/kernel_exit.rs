//! How a trace ends and what it says then: exit codes, signals, closed and full pipes, missing privileges.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[expect(dead_code, reason = "each file of tests uses its part")]
mod harness;

use std::{
    fs::Permissions,
    io::Read as _,
    os::unix::{
        fs::PermissionsExt as _,
        process::{CommandExt as _, ExitStatusExt as _},
    },
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use harness::{
    Reaped,
    actor::{self, Actor},
    in_a_namespace, run, slowness,
    tracer::{BINARY, Ran, Tracer, ran, tcptrace},
    wait_for,
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// One sentence on standard error with all of these words, nothing on standard output.
#[track_caller]
fn assert_fails(ran: &Ran, code: i32, words: &[&str]) {
    assert_eq!((ran.code, &*ran.out), (Some(code), ""), "{}", ran.err);
    assert!(words.iter().all(|word| ran.err.contains(word)), "{}", ran.err);
    assert!(ran.err.starts_with("tcptrace: ") && ran.err.trim().lines().count() == 1, "{}", ran.err);
}

#[test]
fn wrong_usage_is_2() {
    for arguments in
        [&["--port", "70000"][..], &["--port", "0"], &["--port", "http"], &["--state", "OPEN"], &["-4", "-6"]]
    {
        let ran = ran(tcptrace().args(arguments));
        assert_eq!((ran.code, &*ran.out), (Some(2), ""), "{arguments:?}: {}", ran.err);
        assert!(ran.err.contains(arguments[0].trim_end_matches("4")), "{arguments:?}: {}", ran.err);
    }
    assert_fails(&ran(tcptrace().args(["--netns", "no-such-one"])), 2, &["no-such-one"]);
}

#[test]
fn an_output_that_cannot_be_written_is_1() {
    in_a_namespace(|| {
        assert_fails(
            &ran(tcptrace().args(["-o", "/no/such/directory/file"])),
            1,
            &["/no/such/directory/file"],
        );
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = tcptrace().stdout(full).output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{err}");
        assert!(err.contains("No space left"), "{err}");
    });
}

/// The binary at a place that everybody can reach.
struct Public(tempfile::TempDir);

impl Public {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::set_permissions(&directory, Permissions::from_mode(0o755)).unwrap();
        // Not written by us: a child of a parallel test would hold the file open for a moment ("text file busy").
        run("cp", &[env!("CARGO_BIN_EXE_tcptrace"), directory.path().to_str().unwrap()]);
        Self(directory)
    }

    /// Runs it as nobody, with these capabilities.
    fn as_nobody(&self, capabilities: &[&str]) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
        let set = capabilities.iter().fold("-all".to_owned(), |set, name| format!("{set},+{name}"));
        command.args(["--inh-caps", &set, "--ambient-caps", &set, "--bounding-set", &set]);
        command.arg(self.0.path().join("tcptrace")).current_dir("/");
        command
    }
}

#[test]
fn without_privileges_it_is_3_and_says_what_to_do() {
    in_a_namespace(|| {
        let public = Public::new();
        for capabilities in [&[][..], &["bpf"]] {
            assert_fails(&ran(&mut public.as_nobody(capabilities)), 3, &["CAP_BPF", "CAP_PERFMON", "sudo"]);
        }
        let mut classic = public.as_nobody(&["bpf", "perfmon"]);
        assert_fails(&ran(classic.args(["--probe", "tracepoint"])), 3, &["tracefs", "CAP_DAC_READ_SEARCH"]);
    });
}

/// A selection that can match nothing is refused.
#[test]
fn what_is_no_process_and_no_namespace_is_refused() {
    in_a_namespace(|| {
        for (option, value, why) in [
            ("--pid", "0", "is not a process id"),
            ("--netns", "/etc/passwd", "/etc/passwd is not a network namespace"),
            ("--netns", "/proc/self/ns/mnt", "/proc/self/ns/mnt is not a network namespace"),
        ] {
            let ran = ran(tcptrace().args([option, value, "--duration", "1ms"]));
            assert_eq!(ran.code, Some(2), "{}", ran.err);
            assert!(ran.err.contains(why), "{}", ran.err);
        }
        let here = ran(tcptrace().args(["--netns", "/proc/self/ns/net", "--duration", "1ms"]));
        assert_eq!(here.code, Some(0), "{}", here.err);
    });
}

#[test]
fn two_capabilities_suffice() {
    in_a_namespace(|| {
        let public = Public::new();
        let mut command = public.as_nobody(&["bpf", "perfmon"]);
        command.args(["--format", "json", "--netns", "self"]);
        let tracer = Tracer::spawn(command, true).attached();
        let (server, client) = (Actor::new("server"), Actor::new("client"));
        let listener = server.tell("listen l 127.0.0.1:0");
        let opened = client.tell(&format!("connect c {}", listener.local));
        client.order("close c");
        tracer.wait_for_step(&opened.cookie, "FIN_WAIT1");
        let trace = tracer.finish();
        assert_eq!(trace.of_type("start")[0]["probe"], "btf");
        assert_eq!(trace.life(&opened)[2], "ESTABLISHED>FIN_WAIT1 process client/syscall close");
    });
}

#[test]
fn a_reader_that_goes_is_no_failure() {
    in_a_namespace(|| {
        for format in ["json", "text"] {
            let mut child = Reaped(
                tcptrace()
                    .args(["--format", format, "--netns", "self"])
                    .stdout(Stdio::piped())
                    .stderr(Stdio::piped())
                    .spawn()
                    .unwrap(),
            );
            let mut out = child.0.stdout.take().unwrap();
            out.read_exact(&mut [0; 1]).unwrap();
            // As `head -1` does, and before anything else happens that it could fail to write.
            drop(out);
            let status = actor::wait(&mut child.0);
            let mut err = String::new();
            child.0.stderr.take().unwrap().read_to_string(&mut err).unwrap();
            assert_eq!(status.code(), Some(0), "{format}: {err}");
            assert!(!err.contains("ipe"), "{format}: {err}");
        }
    });
}

#[test]
fn to_a_file() {
    in_a_namespace(|| {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("trace.jsonl");
        let mut command = tcptrace();
        command.args(["--format", "json", "--netns", "self", "--output"]).arg(&file);
        let tracer = Tracer::spawn(command, false);
        let read = || std::fs::read_to_string(&file).unwrap_or_default();
        wait_for("the start", || read().ends_with('\n').then_some(()));
        let server = Actor::new("server");
        let listener = server.tell("listen l 127.0.0.1:0");
        // While it runs, and not only at its end.
        wait_for("the line", || {
            read().contains(&format!("\"socket\":\"{}\"", listener.cookie)).then_some(())
        });
        assert_eq!(tracer.finish().text, "");
        let records: Vec<Value> = read().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let types: Vec<_> = records.iter().map(|record| &record["type"]).collect();
        assert_eq!(types, ["start", "transition", "end"]);
    });
}

#[test]
fn both_signals_and_the_time_give_a_report() {
    in_a_namespace(|| {
        let server = Actor::new("server");
        for signal in [Some(Signal::INT), Some(Signal::TERM), None] {
            let arguments: &[&str] = if signal.is_none() { &["--duration", "2s"] } else { &[] };
            let mut tracer = Tracer::start_text(arguments);
            let listener = server.tell("listen l 127.0.0.1:0");
            let opened = server.tell(&format!("connect c {}", listener.local));
            wait_for("the line", || {
                let told = |line: &String| line.contains("SYN_RECV") && line.contains("ESTABLISHED");
                tracer.lines().iter().any(told).then_some(())
            });
            let begun = Instant::now();
            let trace = match signal {
                Some(signal) => tracer.finish_with(signal),
                None => tracer.ended(),
            };
            assert_eq!(trace.status.code(), Some(0), "{}", trace.err);
            assert!(begun.elapsed() < Duration::from_secs(10) * slowness(), "{signal:?}");
            let (_, report) = trace.text.split_once("\n\n").expect("a report after an empty line");
            assert!(report.contains(&opened.local.to_string()), "{}", trace.text);
            assert!(report.lines().last().unwrap().contains("seen"), "{}", trace.text);
            server.order("close c");
            server.order("close l");
        }
    });
}

/// A tracer with too few descriptors does what it can, and says what would help; never a panic, never silence.
#[test]
fn too_few_descriptors_say_what_to_raise() {
    in_a_namespace(|| {
        let limited = |limit: u32| {
            let mut command = Command::new("sh");
            command.args(["-c", &format!("ulimit -n {limit}; exec \"$0\" --format json --duration 1s")]);
            // What whoever runs the tests has left open (a lock, cargo's job server) would be part of the limit.
            // SAFETY: a system call alone, which any process may make between fork and exec.
            unsafe {
                command.pre_exec(|| {
                    let failed =
                        libc::close_range(3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC.cast_signed());
                    if failed == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
                })
            };
            ran(command.arg(BINARY))
        };
        // What runs out first is another thing each time.
        for limit in 5..=20 {
            let ran = limited(limit);
            assert!(matches!(ran.code, Some(1 | 3)), "{limit}: {:?} {}", ran.code, ran.err);
            assert!(ran.err.contains("ulimit -n") && !ran.err.contains("panicked"), "{limit}: {}", ran.err);
        }
        // Enough for less than all.
        let ran = limited(32);
        assert!(ran.code == Some(0) && ran.out.contains("\"type\":\"end\""), "{:?} {}", ran.code, ran.err);
        let fell_back = ran.out.contains("\"probe\":\"tracepoint\"");
        assert_eq!(ran.err.contains("ulimit -n"), fell_back, "{}", ran.err);
    });
}

/// As logrotate does: moves the file away, and says so.
#[test]
fn sighup_opens_the_file_again() {
    in_a_namespace(|| {
        let dir = tempfile::tempdir().unwrap();
        let [path, old] = ["x.jsonl", "x.jsonl.1"].map(|name| dir.path().join(name));
        let read = |path: &Path| -> Vec<Value> {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
        };
        let mut command = tcptrace();
        command.args(["--format", "json", "--netns", "self", "--output"]).arg(&path);
        let tracer = Tracer::spawn(command, false);
        let told = |path: &Path, cookie: &str| {
            wait_for("the line", || read(path).iter().any(|record| record["socket"] == cookie).then_some(()));
        };
        wait_for("the start", || (!read(&path).is_empty()).then_some(()));
        let server = Actor::new("server");
        let one = server.tell("listen one 127.0.0.1:0");
        told(&path, &one.cookie);
        std::fs::rename(&path, &old).unwrap();
        tracer.signal(Signal::HUP);
        wait_for("a new file", || path.exists().then_some(()));
        let two = server.tell("listen two 127.0.0.1:0");
        told(&path, &two.cookie);
        let trace = tracer.finish();
        assert_eq!(trace.status.code(), Some(0), "{}", trace.err);
        let [before, after] = [&old, &path].map(|path| {
            read(path).iter().map(|record| record["type"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        });
        assert_eq!(before, ["start", "transition"]);
        assert_eq!(after, ["transition", "end"]);
    });
}

/// A pipe that nobody reads yet, as the last of the outputs, holds the start up: a rotation by then is kept until somebody
/// listens, and Ctrl+C is obeyed.
#[test]
fn signals_before_the_trace_begins() {
    in_a_namespace(|| {
        let dir = tempfile::tempdir().unwrap();
        let [path, old, pipe] = ["x.jsonl", "x.jsonl.1", "pipe"].map(|name| dir.path().join(name));
        run("mkfifo", &[pipe.to_str().unwrap()]);
        let launch = || {
            let mut command = tcptrace();
            command.args(["--netns", "self", "--out"]).arg(format!("json={}", path.display()));
            command.arg("--out").arg(format!("json={}", pipe.display()));
            let tracer = Tracer::spawn(command, false);
            wait_for("the first output", || path.exists().then_some(()));
            tracer
        };
        let tracer = launch();
        std::fs::rename(&path, &old).unwrap();
        tracer.signal(Signal::HUP);
        let mut reader = std::fs::File::open(&pipe).unwrap();
        wait_for("a new file", || path.exists().then_some(()));
        assert_eq!(tracer.finish().status.code(), Some(0));
        reader.read_to_end(&mut Vec::new()).unwrap();
        drop(reader);
        std::fs::remove_file(&path).unwrap();

        let mut tracer = launch();
        tracer.signal(Signal::INT);
        let trace = tracer.ended();
        assert_eq!(trace.status.signal(), Some(libc::SIGINT), "{:?} {}", trace.status, trace.err);
    });
}

/// The terminal has gone; unless whoever started it said that this does not matter.
#[test]
fn sighup_ends_a_trace_without_a_file() {
    in_a_namespace(|| {
        // Whoever runs the tests may ignore it: with `nohup`, and the tracer would inherit that.
        let mut command = Command::new("env");
        command.arg("--default-signal=HUP").arg(BINARY).args(["--format", "json", "--netns", "self"]);
        let trace = Tracer::spawn(command, true).attached().finish_with(Signal::HUP);
        assert_eq!(trace.of_type("end").len(), 1);

        let mut command = Command::new("nohup");
        command.arg(BINARY).args(["--format", "json", "--netns", "self"]);
        let tracer = Tracer::spawn(command, true).attached();
        tracer.signal(Signal::HUP);
        let server = Actor::new("server");
        let listener = server.tell("listen l 127.0.0.1:0");
        tracer.wait_for_step(&listener.cookie, "LISTEN");
        assert_eq!(tracer.finish().status.code(), Some(0));
    });
}

/// Nobody reads the pipe, the tracer waits to write, and the first signal cannot be obeyed: the second one ends it.
#[test]
fn a_second_signal_ends_a_tracer_that_is_stuck() {
    in_a_namespace(|| {
        let mut child = Reaped(
            tcptrace()
                .args(["--format", "json", "--netns", "self"])
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .unwrap(),
        );
        let out = child.0.stdout.take().unwrap();
        let waiting = || rustix::io::ioctl_fionread(&out).unwrap();
        wait_for("the start", || (waiting() > 0).then_some(()));
        // A pipe holds 64 KiB at most, less if what was written at once left pages half empty; a record has more than 300
        // bytes, so 600 never fit.
        let server = Actor::new("server");
        for _ in 0..300 {
            server.tell("listen l 127.0.0.1:0");
            server.order("close l");
        }
        wait_for("a pipe that fills", || (waiting() > 30_000).then_some(()));
        let pid = Pid::from_raw(i32::try_from(child.0.id()).unwrap()).unwrap();
        kill_process(pid, Signal::INT).unwrap();
        // Until it ends, because two signals that come at once are one.
        let status = wait_for("the end", || {
            std::thread::sleep(Duration::from_millis(50));
            kill_process(pid, Signal::INT).unwrap();
            child.0.try_wait().unwrap()
        });
        assert_eq!(status.code(), Some(130));
        drop(out);
    });
}
