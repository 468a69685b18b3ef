//! Processes with a name of their own that hold sockets and do as they are told, one call at a time.
//!
//! An actor is this test's own program, run again under another name. Sockets belong to actors and never to the test:
//! between fork and exec a child of a parallel test holds all that the test has open, and may be the last to close it.

use std::{
    cell::RefCell,
    collections::HashMap,
    ffi::OsStr,
    io::{BufRead as _, BufReader, Write as _},
    net::SocketAddr,
    os::{
        fd::{FromRawFd as _, OwnedFd},
        unix::{net::UnixStream, process::CommandExt as _},
    },
    process::{Child, Command, ExitStatus, Stdio},
};

use rustix::process::{Pid, Signal};
use tempfile::TempDir;

use super::{Reaped, commands::Stage, patience};

const SUMMONS: &str = "TCPTRACE_TEST_ACTOR";

thread_local! {
    /// The names of this test's actors, by process id.
    static CAST: RefCell<HashMap<u32, String>> = RefCell::default();
}

/// The actor with this process id.
pub fn name_of(pid: u32) -> Option<String> {
    CAST.with_borrow(|cast| cast.get(&pid).cloned())
}

/// Gives a process id a name.
pub fn cast(pid: u32, name: &str) {
    CAST.with_borrow_mut(|cast| cast.insert(pid, name.to_owned()));
}

/// A socket of an actor, as the actor describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sock {
    /// `SO_COOKIE`: the name under which records speak of it.
    pub cookie: String,
    pub local: SocketAddr,
    /// `0.0.0.0:0` of a listening socket.
    pub remote: SocketAddr,
    pub fd: i32,
}

impl Sock {
    /// Reads an answer that is about a socket.
    pub fn read(answer: &str) -> Option<Self> {
        let words: Vec<&str> = answer.split_whitespace().collect();
        let ["socket", cookie, local, remote, fd] = words[..] else { return None };
        Some(Self {
            cookie: cookie.to_owned(),
            local: local.parse().unwrap(),
            remote: remote.parse().unwrap(),
            fd: fd.parse().unwrap(),
        })
    }
}

/// A process that does as it is told.
pub struct Actor {
    process: Reaped,
    line: RefCell<BufReader<UnixStream>>,
    _directory: TempDir,
}

impl Actor {
    pub fn new(name: impl AsRef<OsStr>) -> Self {
        Self::inside(&[], name)
    }

    /// Started by another program, like `unshare --pid --fork`.
    pub fn inside(wrapper: &[&str], name: impl AsRef<OsStr>) -> Self {
        // The kernel takes a process's name from the path that was executed, here of a symbolic link.
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join(name.as_ref());
        std::os::unix::fs::symlink(std::env::current_exe().unwrap(), &program).unwrap();
        let mut command = match wrapper {
            [] => {
                let mut command = Command::new(&program);
                // A test program wants its arguments in UTF-8; the name need not be.
                command.arg0("actor");
                command
            }
            [first, rest @ ..] => {
                let mut command = Command::new(first);
                command.args(rest).arg(&program);
                command
            }
        };
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_read_timeout(Some(patience())).unwrap();
        let child = command
            .args(["--exact", "harness::actor::act", "--nocapture"])
            .env(SUMMONS, "1")
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let actor =
            Self { process: Reaped(child), line: RefCell::new(BufReader::new(ours)), _directory: directory };
        assert_eq!(actor.speak("are you there?"), "here");
        let pid = actor.pid();
        cast(pid, &name.as_ref().to_string_lossy());
        actor
    }

    /// Its process id out here, also if it has another one in a pid namespace.
    pub fn pid(&self) -> u32 {
        let child = self.process.0.id();
        let children = format!("/proc/{child}/task/{child}/children");
        let children = std::fs::read_to_string(children).unwrap_or_default();
        children.split_whitespace().next().and_then(|pid| pid.parse().ok()).unwrap_or(child)
    }

    /// Has it do something that succeeds and is about a socket.
    #[track_caller]
    pub fn tell(&self, order: &str) -> Sock {
        let answer = self.speak(order);
        Sock::read(&answer).unwrap_or_else(|| panic!("{order}: {answer}"))
    }

    /// Has it do something that ends the matter.
    #[track_caller]
    pub fn order(&self, order: &str) {
        assert_eq!(self.speak(order), "done", "{order}");
    }

    /// Gives an order, and returns the answer in the actor's own words.
    #[track_caller]
    pub fn speak(&self, order: &str) -> String {
        self.begin(order);
        self.answer()
    }

    /// Has it begin with something that takes its time; the [`answer`](Self::answer) is due later.
    pub fn begin(&self, order: &str) {
        writeln!(self.line.borrow_mut().get_mut(), "{order}").unwrap();
    }

    /// The answer to the last order.
    #[track_caller]
    pub fn answer(&self) -> String {
        let mut answer = String::new();
        self.line.borrow_mut().read_line(&mut answer).unwrap();
        answer.trim_end().to_owned()
    }

    /// Sends it a signal and waits for its end.
    pub fn kill(mut self, signal: Signal) -> ExitStatus {
        let pid = i32::try_from(self.process.0.id()).unwrap();
        rustix::process::kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
        wait(&mut self.process.0)
    }

    /// Has it exit without closing anything itself.
    pub fn exit(mut self) -> ExitStatus {
        writeln!(self.line.get_mut().get_mut(), "exit").unwrap();
        wait(&mut self.process.0)
    }
}

/// Waits for the end of a child.
pub fn wait(child: &mut Child) -> ExitStatus {
    super::wait_for("the end of a child", || child.try_wait().unwrap())
}

/// Not a test: what an actor runs.
#[test]
fn act() {
    if std::env::var_os(SUMMONS).is_none() {
        return;
    }
    // SAFETY: descriptor 0 is the socket that `Actor::inside` put there, and nobody else uses it.
    let line = unsafe { UnixStream::from_raw_fd(0) };
    let mut answers = line.try_clone().unwrap();
    let mut stage = Stage::default();
    for order in BufReader::new(line).lines() {
        let answer = match stage.execute(&order.unwrap()) {
            Ok(answer) => answer,
            Err(errno) => format!("error {}", errno.raw_os_error()),
        };
        // Whoever listens may have gone.
        let _ = writeln!(answers, "{answer}");
    }
    // Standard input is a socket too, and its descriptor is not ours alone to close.
    std::process::exit(0);
}
