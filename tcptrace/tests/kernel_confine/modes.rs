//! The tracer in each of its modes, thread by thread: what it still has, and what it can still do.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{self, Read as _},
    process::{Command, Stdio},
};

use rustix::{process::Signal, thread::CapabilitySet};
use tcptrace::confine::{KEPT, KEPT_FOR_COMMAND};

use super::{
    attacks::{Attack, Ground},
    puppet::Puppet,
};
use crate::harness::{
    Reaped, in_a_namespace, skip,
    tracer::{RECORD_CALLS, Tracer, tcptrace},
    wait_for,
};

const EPERM: i64 = -(libc::EPERM as i64);
const ENOSYS: i64 = -(libc::ENOSYS as i64);

/// Attacks that a kernel may refuse to everybody, whoever it is (lockdown, a container's own filter).
const REFUSED_TO_ALL: [&str; 7] =
    ["iopl", "kexec_load", "init_module", "finit_module", "pidfd_getfd", "syslog", "type into the terminal"];

/// A mode of a trace.
struct Mode {
    name: &'static str,
    arguments: &'static [&'static str],
    /// Whether it writes to a file besides standard output.
    writes_file: bool,
    command: &'static [&'static str],
    uid: u32,
}

const PLAIN: Mode = Mode { name: "plain", arguments: &[], writes_file: false, command: &[], uid: 0 };

const MODES: [Mode; 6] = [
    PLAIN,
    Mode { name: "--user", arguments: &["--user", "nobody"], uid: 65534, ..PLAIN },
    Mode { name: "--stuck", arguments: &["--stuck", "1s"], ..PLAIN },
    Mode { name: "-o", writes_file: true, ..PLAIN },
    Mode { name: "-- COMMAND", command: &["sleep", "1000"], ..PLAIN },
    Mode { name: "--probe tracepoint", arguments: &["--probe", "tracepoint"], ..PLAIN },
];

impl Mode {
    fn launch(&self, directory: &std::path::Path) -> Tracer {
        let mut command = tcptrace();
        command.args(["--out", "json=-", "--netns", "self"]).args(self.arguments);
        if self.writes_file {
            command.arg("--out").arg(format!("json={}", directory.join("trace").display()));
        }
        if !self.command.is_empty() {
            command.arg("--").args(self.command);
        }
        Tracer::spawn(command, true)
    }

    fn may_keep(&self) -> CapabilitySet {
        if self.command.is_empty() { KEPT } else { KEPT.union(KEPT_FOR_COMMAND) }
    }

    /// Checks what a thread has left.
    fn assert_confined(&self, thread: &Thread) {
        let about = format!("{}, thread {} ({})", self.name, thread.id, thread.field("Name"));
        assert_eq!((thread.field("NoNewPrivs"), thread.field("Seccomp")), ("1", "2"), "{about}");
        for set in ["CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb"] {
            let bits = u64::from_str_radix(thread.field(set), 16).unwrap();
            let set = CapabilitySet::from_bits_retain(bits);
            assert!(self.may_keep().contains(set), "{about}: {set:?}");
        }
        let ids = [self.uid; 4].map(|id| id.to_string()).join("\t");
        assert_eq!((thread.field("Uid"), thread.field("Gid")), (ids.as_str(), ids.as_str()), "{about}");
        if self.uid != 0 {
            assert_eq!(thread.field("Groups"), "", "{about}");
        }
    }
}

/// A thread, as `/proc/PID/task/TID/status` describes it.
struct Thread {
    id: u32,
    fields: BTreeMap<String, String>,
}

impl Thread {
    fn field(&self, name: &str) -> &str {
        &self.fields[name]
    }
}

/// The threads of a process; one that ends meanwhile is left out.
fn threads(pid: u32) -> Vec<Thread> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten();
    let read = |task: fs::DirEntry| {
        let status = fs::read(task.path().join("status")).ok()?;
        let fields = String::from_utf8_lossy(&status)
            .lines()
            .filter_map(|line| {
                let (name, value) = line.split_once(':')?;
                Some((name.to_owned(), value.trim().to_owned()))
            })
            .collect();
        Some(Thread { id: task.file_name().to_str()?.parse().ok()?, fields })
    };
    tasks.filter_map(|task| read(task.ok()?)).collect()
}

#[test]
fn every_thread_is_confined() {
    in_a_namespace(|| {
        for mode in &MODES {
            let directory = tempfile::tempdir().unwrap();
            let tracer = mode.launch(directory.path()).attached();
            let threads = threads(tracer.pid());
            assert!(threads.len() > 1, "{}", mode.name);
            threads.iter().for_each(|thread| mode.assert_confined(thread));
            end(tracer, mode);
        }
    });
}

/// From its first moment on, and while it lists sockets: where there are two threads, nobody has more than a trace needs.
#[test]
fn no_thread_comes_before_the_confinement() {
    in_a_namespace(|| {
        // A list takes a while.
        let hold_many = || {
            let mut python = Command::new("python3");
            let mut child = Reaped(python.args(["-c", HOLD_MANY]).stdout(Stdio::piped()).spawn().unwrap());
            child.0.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
            child
        };
        let _many = [hold_many(), hold_many(), hold_many()];
        for mode in &MODES {
            let directory = tempfile::tempdir().unwrap();
            let tracer = mode.launch(directory.path());
            let mut seen = BTreeSet::new();
            wait_for("a list that is made", || {
                let threads = threads(tracer.pid());
                if threads.len() > 1 {
                    threads.iter().for_each(|thread| mode.assert_confined(thread));
                    seen.extend(threads.iter().map(|thread| thread.field("Name").to_owned()));
                }
                ["signals", "dump"].iter().all(|name| seen.contains(*name)).then_some(())
            });
            end(tracer.attached(), mode);
        }
    });
}

/// Has many descriptors, and waits.
const HOLD_MANY: &str = "
import os, resource, time
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
for _ in range(min(most - 100, 30000)): os.dup(0)
print(flush=True)
time.sleep(1000)";

/// Ends a trace, which must still be able to; a signal for its command is passed on.
fn end(mut tracer: Tracer, mode: &Mode) {
    let trace = if mode.command.is_empty() {
        tracer.finish()
    } else {
        tracer.signal(Signal::TERM);
        tracer.ended()
    };
    let code = if mode.command.is_empty() { 0 } else { 128 + libc::SIGTERM };
    assert_eq!(trace.status.code(), Some(code), "{}: {}", mode.name, trace.err);
    assert_eq!(trace.of_type("end").len(), 1, "{}", mode.name);
}

#[test]
fn nobody_breaks_out_of_any_thread() {
    in_a_namespace(|| {
        let victim = bystander();
        for mode in &MODES {
            let directory = tempfile::tempdir().unwrap();
            let ground = Ground { directory: directory.path(), victim: victim.0.id() };
            let outputs = tempfile::tempdir().unwrap();
            ground.prepare();
            let tracer = mode.launch(outputs.path()).attached();
            for thread in threads(tracer.pid()) {
                let mut puppet = match Puppet::seize(thread.id) {
                    Ok(puppet) => puppet,
                    // A list of sockets is made, and so it is over.
                    Err(error) if is_gone(&error) => continue,
                    Err(error) => return cannot_seize(&error),
                };
                for (what, answer) in try_all(&ground, &mut puppet) {
                    // A file may be cut, because an output that is full ends with a whole line; this one is open to read only.
                    let refused = if mode.writes_file && what == "ftruncate" {
                        -i64::from(libc::EINVAL)
                    } else {
                        EPERM
                    };
                    assert_eq!(answer, refused, "{}, {}: {what}", mode.name, thread.field("Name"));
                }
                assert_eq!(puppet.call(libc::SYS_clone3, [u64::MAX, 0, 0, 0, 0, 0]), ENOSYS);
            }
            ground.assert_untouched();
            end(tracer, mode);
        }
    });
}

/// The same attacks by a process that is not confined: they are refused by the tracer's confinement, and by nothing else.
#[test]
fn the_attacks_are_real() {
    in_a_namespace(|| {
        let (attacker, victim) = (bystander(), bystander());
        let directory = tempfile::tempdir().unwrap();
        let ground = Ground { directory: directory.path(), victim: victim.0.id() };
        ground.prepare();
        let mut puppet = match Puppet::seize(attacker.0.id()) {
            Ok(puppet) => puppet,
            Err(error) => return cannot_seize(&error),
        };
        let refused: Vec<_> =
            try_all(&ground, &mut puppet).into_iter().filter(|(_, answer)| *answer == EPERM).collect();
        let unexpected: Vec<_> = refused.iter().filter(|(what, _)| !REFUSED_TO_ALL.contains(what)).collect();
        assert!(unexpected.is_empty(), "{unexpected:?}");
    });
}

/// A process that waits.
fn bystander() -> Reaped {
    let sleep = Reaped(Command::new("sleep").arg("1000").spawn().unwrap());
    wait_for("a program", || {
        let name = fs::read_to_string(format!("/proc/{}/comm", sleep.0.id())).ok()?;
        (name == "sleep\n").then_some(())
    });
    sleep
}

fn try_all(ground: &Ground<'_>, puppet: &mut Puppet) -> Vec<(&'static str, i64)> {
    let attacks = ground.attacks(puppet);
    let answers =
        attacks.into_iter().map(|(what, number, arguments): Attack| (what, puppet.call(number, arguments)));
    answers.collect()
}

fn is_gone(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ESRCH | libc::ECHILD))
}

/// A machine may keep everybody from taking over threads of others; anything else fails the test.
fn cannot_seize(error: &io::Error) {
    assert_eq!(error.kind(), io::ErrorKind::PermissionDenied, "take over a thread: {error}");
    // Where strace has them all already, it is tried without.
    if std::env::var_os(RECORD_CALLS).is_some() {
        return;
    }
    skip("no thread of another process may be taken over here");
}
