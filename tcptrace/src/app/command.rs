//! The command to trace: a process that waits until everything is attached, and then becomes the command.
//!
//! The command runs with the credentials, files and environment that tcptrace was started with.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs,
    io::{self, PipeReader, PipeWriter, Read as _, Write as _},
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::{ffi::OsStrExt as _, process::CommandExt as _},
    },
    path::{Path, PathBuf},
    process,
};

use anyhow::{Context as _, Result, anyhow};
use rustix::{
    fs::Access,
    process::{Pid, PidfdFlags, WaitId, WaitIdOptions, WaitIdStatus},
};
use tokio::io::{Interest, unix::AsyncFd};

use super::{Failure, Kind};

/// Directories that `execvp` searches where `PATH` is not set.
const USUAL_PATH: &str = "/bin:/usr/bin";

/// End of a command.
#[derive(Debug)]
pub(super) enum Outcome {
    Ended(WaitIdStatus),
    /// The process could not become the command.
    NotRun(io::Error),
    /// How it ended could not be learned, as where the caller of tcptrace ignores SIGCHLD.
    Unknown(io::Error),
}

/// The process that becomes the command.
pub(super) struct Command {
    program: OsString,
    pub(super) pid: u32,
    pub(super) handle: OwnedFd,
    /// Pipe to the waiting process: a byte releases it, the end of the pipe makes it exit.
    release: Option<PipeWriter>,
    /// Pipe from the process: the number of the error if it cannot become the command, else nothing.
    failure: PipeReader,
}

impl Command {
    /// Starts the process, if the program exists. It waits for [`release`](Self::release).
    ///
    /// To be called before there is a second thread: the new process has only the one that called.
    pub(super) fn hold(words: &[OsString]) -> Result<Self, Failure> {
        let [program, arguments @ ..] = words else { return Err(Failure::usage(anyhow!("no command"))) };
        find(program)?;
        let (go, release) = io::pipe().context("make a pipe")?;
        let (failure, fail) = io::pipe().context("make a pipe")?;
        // SAFETY: there is no other thread that could hold a lock, such as the allocator's, which the new process would
        // then wait for in vain.
        let pid = match unsafe { libc::fork() } {
            0 => {
                // Else the pipe stays open when tcptrace is gone.
                drop(release);
                become_command(process::Command::new(program).args(arguments), go, fail)
            }
            -1 => Err(io::Error::last_os_error()),
            pid => Ok(pid),
        };
        let pid = pid.context("start a process for the command")?;
        let pid = Pid::from_raw(pid).context("the command has no process id")?;
        let handle = rustix::process::pidfd_open(pid, PidfdFlags::empty())
            .context("watch the process for the command")?;
        let pid = pid.as_raw_nonzero().get().unsigned_abs();
        Ok(Self { program: program.clone(), pid, handle, release: Some(release), failure })
    }

    /// Lets the process become the command.
    pub(super) fn release(&mut self) {
        if let Some(mut release) = self.release.take() {
            // Fails if something has ended the process meanwhile: its exit status says so.
            let _ = release.write_all(&[1]);
        }
    }

    /// Waits until the command ends. To be called once to its end; a wait may be given up before.
    pub(super) async fn ended(&mut self) -> Outcome {
        let status = self.wait().await;
        let mut number = [0; 4];
        if self.failure.read_exact(&mut number).is_ok() {
            return Outcome::NotRun(io::Error::from_raw_os_error(i32::from_ne_bytes(number)));
        }
        // The end of the pipe: it was closed when the process became the command, or has ended.
        status.map_or_else(Outcome::Unknown, Outcome::Ended)
    }

    async fn wait(&self) -> io::Result<WaitIdStatus> {
        // SAFETY: the descriptor stays open as long as the command is there, which is borrowed.
        let ended = unsafe { AsyncFd::register_with_interest(self.handle.as_fd(), Interest::READABLE)? };
        ended.readable().await?.retain_ready();
        let status = rustix::process::waitid(WaitId::PidFd(self.handle.as_fd()), WaitIdOptions::EXITED)?;
        status.ok_or_else(|| io::Error::other("it has not ended"))
    }

    /// Exit code of the command, as shells report it.
    pub(super) fn code(&self, outcome: Outcome) -> Result<u8, Failure> {
        let status = match outcome {
            Outcome::Ended(status) => status,
            Outcome::NotRun(error) => return Err(cannot_run(&self.program, &error)),
            Outcome::Unknown(error) => return Err(anyhow!(error).context("wait for the command").into()),
        };
        let code = status.exit_status().or_else(|| Some(128 + status.terminating_signal()?)).unwrap_or(1);
        Ok(u8::try_from(code).unwrap_or(1))
    }
}

/// The new process: waits, and then becomes the command. Without leave it ends.
fn become_command(command: &mut process::Command, mut go: PipeReader, mut fail: PipeWriter) -> ! {
    if go.read_exact(&mut [0]).is_ok() {
        let error = command.exec();
        let _ = fail.write_all(&error.raw_os_error().unwrap_or(libc::ENOEXEC).to_ne_bytes());
    }
    // SAFETY: ends the process without what the original has registered for its own end.
    unsafe { libc::_exit(127) }
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
