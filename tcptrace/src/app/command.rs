//! The command to trace: a process that waits until everything is attached, and then becomes the command.
//!
//! The command runs with the credentials, files and environment that tcptrace was started with.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs,
    io::{self, PipeReader, PipeWriter, Read as _, Write as _},
    os::{
        fd::{AsRawFd as _, OwnedFd},
        unix::{ffi::OsStrExt as _, process::CommandExt as _, process::ExitStatusExt as _},
    },
    path::{Path, PathBuf},
    process::{self, ExitStatus},
    thread,
};

use anyhow::{Context as _, Result, anyhow};
use rustix::{
    fs::Access,
    process::{Pid, PidfdFlags},
};
use tokio::sync::oneshot;

use super::{Failure, Kind};

/// Directories that `execvp` searches where `PATH` is not set.
const USUAL_PATH: &str = "/bin:/usr/bin";

/// Exit status of a command, or why it could not be run.
pub(super) type Outcome = io::Result<ExitStatus>;

/// The process that becomes the command.
pub(super) struct Command {
    program: OsString,
    pub(super) pid: u32,
    pub(super) handle: OwnedFd,
    /// Pipe to the waiting process: a byte releases it, the end of the pipe makes it exit.
    release: Option<PipeWriter>,
    ended: oneshot::Receiver<Outcome>,
}

impl Command {
    /// Starts the process, if the program exists. It waits for [`release`](Self::release).
    pub(super) fn hold(words: &[OsString]) -> Result<Self, Failure> {
        let [program, arguments @ ..] = words else { return Err(Failure::usage(anyhow!("no command"))) };
        find(program)?;
        let (go, release) = io::pipe().context("make a pipe")?;
        let (mut born, tell) = io::pipe().context("make a pipe")?;
        let mut command = process::Command::new(program);
        command.args(arguments);
        let ours = release.as_raw_fd();
        // SAFETY: nothing but system calls. The descriptor is the child's copy of our end of the pipe, which must not
        // keep the pipe open when we are gone; nothing in the child uses it.
        unsafe {
            command.pre_exec(move || {
                rustix::io::close(ours);
                wait(&go, &tell)
            });
        }
        let (over, ended) = oneshot::channel();
        // On a thread of its own, because starting a process returns when it has become the program.
        thread::Builder::new()
            .name("command".to_owned())
            .spawn(move || {
                let child = command.spawn();
                drop(command);
                let _ = over.send(child.and_then(|mut child| child.wait()));
            })
            .context("start a thread for the command")?;
        let mut pid = [0; 4];
        born.read_exact(&mut pid).context("start a process for the command")?;
        let pid = u32::from_ne_bytes(pid);
        let handle =
            i32::try_from(pid).ok().and_then(Pid::from_raw).context("the command has no process id")?;
        let handle = rustix::process::pidfd_open(handle, PidfdFlags::empty())
            .context("watch the process for the command")?;
        Ok(Self { program: program.clone(), pid, handle, release: Some(release), ended })
    }

    /// Lets the process become the command.
    pub(super) fn release(&mut self) {
        if let Some(mut release) = self.release.take() {
            // Fails if something has ended the process meanwhile: its exit status says so.
            let _ = release.write_all(&[1]);
        }
    }

    /// Waits until the command ends. To be called once.
    pub(super) async fn ended(&mut self) -> Outcome {
        (&mut self.ended)
            .await
            .unwrap_or_else(|_| Err(io::Error::other("the thread that waits for it is gone")))
    }

    /// Exit code of the command, as shells report it.
    pub(super) fn code(&self, outcome: Outcome) -> Result<u8, Failure> {
        let status = outcome.map_err(|error| cannot_run(&self.program, &error))?;
        let code = status.code().or_else(|| Some(128 + status.signal()?)).unwrap_or(1);
        Ok(u8::try_from(code).unwrap_or(1))
    }
}

/// Runs in the new process: sends its process id, then waits.
fn wait(mut go: &PipeReader, mut tell: &PipeWriter) -> io::Result<()> {
    tell.write_all(&process::id().to_ne_bytes())?;
    go.read_exact(&mut [0])
}

/// Looks the program up as `execvp` does, before anything is traced.
fn find(program: &OsStr) -> Result<(), Failure> {
    let candidates: Vec<PathBuf> = if program.as_bytes().contains(&b'/') {
        vec![program.into()]
    } else {
        let path = env::var_os("PATH").unwrap_or_else(|| USUAL_PATH.into());
        env::split_paths(&path).map(|directory| directory.join(program)).collect()
    };
    let mut first = io::Error::from(io::ErrorKind::NotFound);
    for candidate in candidates {
        match executable(&candidate) {
            Ok(()) => return Ok(()),
            Err(error) if first.kind() == io::ErrorKind::NotFound => first = error,
            Err(_) => {}
        }
    }
    Err(cannot_run(program, &first))
}

fn executable(path: &Path) -> io::Result<()> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    Ok(rustix::fs::access(path, Access::EXEC_OK)?)
}

/// Failure with the exit codes of shells: 127 if the program does not exist, else 126.
fn cannot_run(program: &OsStr, error: &io::Error) -> Failure {
    let program = program.to_string_lossy();
    let (code, error) = match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            (127, anyhow!("cannot run {program:?}: command not found"))
        }
        io::ErrorKind::PermissionDenied => (126, anyhow!("cannot run {program:?}: not an executable file")),
        _ => (126, anyhow!("cannot run {program:?}: {error}")),
    };
    Failure { kind: Kind::Command(code), error }
}
