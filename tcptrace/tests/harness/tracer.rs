//! The tracer itself, as a user runs it: the real binary, its standard output read as it comes.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, ChildStderr, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
};

use rustix::process::{Pid, Signal};
use serde_json::Value;

use super::{
    actor::wait,
    patiently, ss,
    trace::{Trace, line},
    wait_for,
};

/// The binary under test.
pub const BINARY: &str = env!("CARGO_BIN_EXE_tcptrace");

/// Names a directory in which `strace` records the system calls of each tracer, a file a thread.
pub const RECORD_CALLS: &str = "TCPTRACE_TEST_CALLS";

/// A command line of the binary under test, to be completed.
pub fn tcptrace() -> Command {
    let mut command = match std::env::var_os(RECORD_CALLS) {
        None => Command::new(BINARY),
        Some(directory) => {
            static COUNT: AtomicU32 = AtomicU32::new(0);
            let name = format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Relaxed));
            let mut strace = Command::new("strace");
            // As a grandchild: the process id is the tracer's.
            strace.args(["-D", "-ff", "--syscall-number", "-qq", "-s", "0", "-o"]);
            strace.arg(Path::new(&directory).join(name)).args(["--", BINARY]);
            strace
        }
    };
    command.env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE").env_remove("RUST_LOG");
    command
}

/// Exit code and output of a tracer that ended by itself.
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// Runs it to its end.
pub fn ran(command: &mut Command) -> Ran {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// A trace that runs. Everything that it writes is kept.
pub struct Tracer {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
    json: bool,
}

impl Tracer {
    /// Traces this thread's network namespace as JSON; returns once everything is attached.
    #[track_caller]
    pub fn start(arguments: &[&str]) -> Self {
        Self::launch(arguments).attached()
    }

    /// The same, but returns at once.
    pub fn launch(arguments: &[&str]) -> Self {
        let mut command = tcptrace();
        command.args(["--format", "json", "--netns", "self"]).args(arguments);
        Self::spawn(command, true)
    }

    /// Traces this thread's network namespace as text, whose first line says that it is attached.
    #[track_caller]
    pub fn start_text(arguments: &[&str]) -> Self {
        let mut command = tcptrace();
        command.args(["--netns", "self"]).args(arguments);
        Self::spawn(command, false).attached()
    }

    /// Runs any command line of a trace; returns at once.
    pub fn spawn(mut command: Command, json: bool) -> Self {
        // A process group of its own: a Ctrl+C at the terminal is for the test.
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = command.spawn().unwrap();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let reader = thread::spawn({
            let lines = lines.clone();
            let out = BufReader::new(child.stdout.take().unwrap());
            move || out.lines().for_each(|line| lines.lock().unwrap().push(line.unwrap()))
        });
        Self { child, lines, reader: Some(reader), json }
    }

    /// Waits until everything is attached: until it has written something.
    #[track_caller]
    pub fn attached(mut self) -> Self {
        let started = wait_for("the tracer to start", || {
            let begun = !self.lines.lock().unwrap().is_empty();
            (begun || self.child.try_wait().unwrap().is_some()).then_some(begun)
        });
        assert!(started, "{}", read(self.child.stderr.take()));
        self
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Lines that the tracer has written so far.
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// The records so far.
    pub fn records(&self) -> Vec<Value> {
        self.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Waits until a record is told.
    #[track_caller]
    pub fn wait_for(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let told = patiently(|| self.records().into_iter().find(|record| wanted(record)));
        told.unwrap_or_else(|| {
            let told: Vec<_> = self.records().iter().map(line).collect();
            panic!("waited in vain for {what}; told: {told:#?}, listed: {:#?}", ss::all())
        })
    }

    /// Waits until the socket is told to have entered the state.
    #[track_caller]
    pub fn wait_for_step(&self, cookie: &str, to: &str) -> Value {
        self.wait_for(&format!("socket {cookie} to enter {to}"), |record| {
            record["socket"] == cookie && record["to"] == to
        })
    }

    /// Ends it as Ctrl+C does; the trace is checked for everything that holds of any trace.
    #[track_caller]
    pub fn finish(self) -> Trace {
        self.finish_with(Signal::INT)
    }

    #[track_caller]
    pub fn finish_with(mut self, signal: Signal) -> Trace {
        self.signal(signal);
        let trace = self.ended();
        assert_eq!(trace.status.code(), Some(0), "{}", trace.err);
        trace
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits for its end.
    #[track_caller]
    pub fn ended(&mut self) -> Trace {
        let status: ExitStatus = wait(&mut self.child);
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        let trace = Trace {
            records: if self.json { self.records() } else { Vec::new() },
            text: self.lines().join("\n"),
            err: read(self.child.stderr.take()),
            status,
        };
        if self.json && status.success() {
            trace.check();
        }
        trace
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(err: Option<ChildStderr>) -> String {
    let mut text = String::new();
    if let Some(mut err) = err {
        err.read_to_string(&mut text).unwrap();
    }
    text
}
