//! A command, or a process with its children: exactly these are traced, from their first instruction on.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[expect(dead_code, reason = "each file of tests uses its part")]
mod harness;

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use harness::{
    Reaped,
    actor::Actor,
    in_a_namespace,
    trace::Trace,
    tracer::{Tracer, ran, tcptrace},
    wait_for,
};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::Value;

/// Traces `bash -c SCRIPT` as JSON.
fn script(options: &[&str], script: &str) -> Command {
    let mut command = tcptrace();
    command.args(["--format", "json"]).args(options).args(["--", "bash", "-c", script]);
    command
}

/// The steps of clients, and whose they were.
fn openers(trace: &Trace) -> Vec<String> {
    let opens = |record: &&Value| record["to"] == "SYN_SENT";
    let owner = |record: &Value| {
        format!("{} {}", record["remote"]["port"], record["process"]["comm"].as_str().unwrap_or("-"))
    };
    trace.records.iter().filter(opens).map(owner).collect()
}

#[test]
fn it_exits_as_the_command_does() {
    in_a_namespace(|| {
        for (text, code) in [("exit 0", 0), ("exit 7", 7), ("kill -KILL $$", 137), ("kill -INT $$", 130)] {
            assert_eq!(ran(&mut script(&[], text)).code, Some(code), "{text}");
        }
        // What the trace is cut short by is no end of the command.
        let cut = ran(&mut script(&["--duration", "1ms"], "sleep 0.3; echo '{\"out\":1}'; exit 5"));
        assert_eq!((cut.code, cut.out.lines().last()), (Some(5), Some("{\"out\":1}")), "{}", cut.err);
    });
}

#[test]
fn what_cannot_be_run_is_not_traced() {
    in_a_namespace(|| {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        std::fs::write(&file, "no program").unwrap();
        for (program, code, why) in [
            ("no-such-program", 127, "command not found"),
            ("/no/such/program", 127, "command not found"),
            (file.to_str().unwrap(), 126, "not an executable file"),
            ("/etc", 126, "not an executable file"),
            // A command's name may be one of ours.
            ("explain", 127, "command not found"),
        ] {
            let out = directory.path().join("out");
            let ran = ran(tcptrace().arg("-o").arg(&out).args(["--", program]));
            assert_eq!((ran.code, ran.out.as_str()), (Some(code), ""), "{}", ran.err);
            assert_eq!(ran.err, format!("tcptrace: cannot run {program:?}: {why}\n"));
            assert!(!out.exists());
        }
    });
}

/// Also of a child whose own parent has gone; and nothing of anybody else.
#[test]
fn descendants_belong_to_it_and_nobody_else() {
    in_a_namespace(|| {
        let (server, stranger) = (Actor::new("server"), Actor::new("stranger"));
        let address = server.tell("listen l 127.0.0.1:0").local;
        let directory = tempfile::tempdir().unwrap();
        let fifo = directory.path().join("fifo");
        let connect = format!("exec 3<>/dev/tcp/127.0.0.1/{}", address.port());
        let text = format!(
            "mkfifo {fifo}; {connect}; ({connect}); ( ( read < {fifo}; {connect}; echo > {fifo} ) & ); \
             read < {fifo}.go; echo > {fifo}; read < {fifo}",
            fifo = fifo.display()
        );
        let go = format!("{}.go", fifo.display());
        harness::run("mkfifo", &[&go]);
        let mut tracer = Tracer::spawn(script(&[], &text), true).attached();
        // Opens once the command is there to read; the stranger comes in between.
        let mut go = std::fs::OpenOptions::new().write(true).open(go).unwrap();
        stranger.tell(&format!("connect c {address}"));
        writeln!(go).unwrap();
        let trace = tracer.ended();
        assert_eq!(trace.status.code(), Some(0), "{}", trace.err);
        assert_eq!(openers(&trace), vec![format!("{} bash", address.port()); 3], "{:#?}", trace.lines());
        let foreign = |record: &&Value| record["process"].is_object() && record["process"]["comm"] != "bash";
        assert_eq!(trace.records.iter().find(foreign), None);
        let start = trace.of_type("start")[0];
        assert!(start["filter"].as_str().unwrap().starts_with("pid with children "), "{start}");
    });
}

#[test]
fn signals_are_for_the_command() {
    in_a_namespace(|| {
        let text =
            "trap 'echo 1' INT; trap 'exit 9' TERM; echo '{\"ready\":1}'; while :; do sleep 0.05; done";
        let mut tracer = Tracer::spawn(script(&[], text), true);
        tracer.wait_for("the command to run", |line| line["ready"] == 1);
        // As the terminal sends it: to all of the foreground's processes.
        let group = Pid::from_raw(i32::try_from(tracer.pid()).unwrap()).unwrap();
        kill_process_group(group, Signal::INT).unwrap();
        tracer.wait_for("the command to take it", |line| *line == 1);
        // Only to the tracer, which passes it on.
        tracer.signal(Signal::TERM);
        let trace = tracer.ended();
        assert_eq!(trace.status.code(), Some(9), "{}", trace.err);
        assert_eq!(trace.records.last().unwrap()["type"], "end");
    });
}

#[test]
fn one_that_is_held_does_not_outlive_its_tracer() {
    in_a_namespace(|| {
        let held = tempfile::tempdir().unwrap();
        let mark = held.path().join("mark");
        let text = format!("touch {}", mark.display());
        // A hook that cannot be had: nothing is traced, and so nothing is run.
        let mut command = script(&["--probe", "btf"], &text);
        command.env("TCPTRACE_BPF_OBJECT", "/no/such/object");
        let ran = ran(&mut command);
        assert_eq!(ran.code, Some(3), "{}", ran.err);
        assert!(!mark.exists());
    });
}

/// A shell that connects where it is told, itself or in a child.
struct Shell(Reaped);

impl Shell {
    fn new() -> Self {
        let shell = Command::new("bash").stdin(Stdio::piped()).spawn().unwrap();
        Self(Reaped(shell))
    }

    fn say(&mut self, line: &str) {
        writeln!(self.0.0.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    fn pid(&self) -> u32 {
        self.0.0.id()
    }
}

#[test]
fn a_process_with_its_children() {
    in_a_namespace(|| {
        let server = Actor::new("server");
        let port = server.tell("listen l 127.0.0.1:0").local.port();
        let directory = tempfile::tempdir().unwrap();
        let (go, born) = (directory.path().join("go"), directory.path().join("born"));
        harness::run("mkfifo", &[go.to_str().unwrap()]);
        let mut shell = Shell::new();
        let connect = format!("exec 3<>/dev/tcp/127.0.0.1/{port}");
        // A child that is there before the trace, with one more below it.
        shell.say(&format!(
            "( ( touch {}; read < {}; {connect}; read <&3 2>/dev/null ) ; true ) &",
            born.display(),
            go.display()
        ));
        wait_for("the child", || born.exists().then_some(()));
        let pid = shell.pid().to_string();
        let (with, without) =
            (Tracer::start(&["--pid", &pid, "--children"]), Tracer::start(&["--pid", &pid]));
        let mut stranger = Shell::new();
        for who in [&mut stranger, &mut shell] {
            who.say(&format!("({connect}; read <&3 2>/dev/null) & {connect}"));
        }
        std::fs::write(&go, "\n").unwrap();
        let told =
            |tracer: &Tracer| tracer.records().iter().filter(|record| record["to"] == "SYN_SENT").count();
        wait_for("three of the family", || (told(&with) == 3).then_some(()));
        wait_for("the one itself", || (told(&without) == 1).then_some(()));
        let (with, without) = (with.finish(), without.finish());
        assert_eq!((openers(&with).len(), openers(&without).len()), (3, 1), "{:#?}", with.lines());
        let pids = |trace: &Trace| -> Vec<u64> {
            let process = |record: &Value| record["process"]["pid"].as_u64();
            trace.records.iter().filter_map(process).collect()
        };
        assert!(pids(&without).iter().all(|pid| *pid == u64::from(shell.pid())));
        assert!(!pids(&with).contains(&u64::from(stranger.pid())));
        let _ = kill_process(Pid::from_raw(i32::try_from(stranger.pid()).unwrap()).unwrap(), Signal::KILL);
    });
}

#[test]
fn users_by_number_and_by_name() {
    in_a_namespace(|| {
        let (nobody, root) = (Actor::new("nobody"), Actor::new("root"));
        nobody.order("become 65534");
        let tracers = [("65534", 1), ("nobody", 1), ("root,nobody", 2), ("1", 0)]
            .map(|(users, count)| (Tracer::start(&["--uid", users]), users, count));
        nobody.tell("listen l 127.0.0.1:0");
        let last = root.tell("listen l 127.0.0.1:0");
        tracers[2].0.wait_for_step(&last.cookie, "LISTEN");
        for (tracer, users, count) in tracers {
            let trace = tracer.finish();
            assert_eq!(trace.of_type("transition").len(), count, "{users}: {:#?}", trace.lines());
        }
        let ran = ran(tcptrace().args(["--uid", "no-such-user"]));
        assert_eq!(ran.code, Some(2), "{}", ran.err);
        assert!(ran.err.contains("no user \"no-such-user\""), "{}", ran.err);
    });
}
