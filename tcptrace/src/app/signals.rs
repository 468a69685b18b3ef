//! SIGINT, SIGTERM and SIGHUP: the first signal ends the trace in order, the second one ends the process at once.
//!
//! While a command is traced, signals are for the command: Ctrl+C reaches it through the terminal, SIGTERM and SIGHUP are
//! passed on. The trace ends when the command does.
//!
//! With an output file SIGHUP reopens the file, as in any daemon that writes logs. Without one, the terminal is gone.

use std::{
    future::pending,
    mem::MaybeUninit,
    os::fd::OwnedFd,
    ptr,
    sync::{Arc, mpsc},
    thread,
};

use anyhow::{Context as _, Result};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Signal, pidfd_send_signal},
};
use tokio::{
    runtime::Runtime,
    signal::unix::{SignalKind, signal},
    sync::{Notify, oneshot},
};

/// Exit codes of a process that dies of SIGHUP, SIGINT and SIGTERM.
const HUNG_UP: i32 = 129;
const INTERRUPTED: i32 = 130;
const TERMINATED: i32 = 143;

/// Effect of SIGHUP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hangup {
    /// Reopen the output files.
    Reopens,
    /// End the trace.
    Ends,
    /// Nothing: tcptrace was started with SIGHUP ignored (`nohup`).
    Ignored,
}

impl Hangup {
    /// Effect of SIGHUP on a trace that writes to a file, or only to standard output.
    pub(super) fn of(writes_to_file: bool) -> Self {
        match writes_to_file {
            true => Self::Reopens,
            false if is_ignored(libc::SIGHUP) => Self::Ignored,
            false => Self::Ends,
        }
    }

    /// Keeps SIGHUP until [`Signals::listen`], where it reopens outputs: it should not end a daemon that has just been started.
    pub(super) fn keep_until_listening(self) {
        if self == Self::Reopens {
            mask(libc::SIG_BLOCK, libc::SIGHUP);
        }
    }
}

/// Makes the limit of a file's size (`ulimit -f`) an error of the write, where it would end the process amid a line.
///
/// To be called when the process for a command is there: a program should not inherit this.
pub(super) fn survive_file_limit() {
    // SAFETY: no handler is set that could run.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}

/// Blocks a signal in this thread and those that it starts, or unblocks it.
fn mask(how: i32, signal: i32) {
    let mut signals = MaybeUninit::zeroed();
    // SAFETY: there is room for the set, which is made before it is read.
    unsafe {
        libc::sigemptyset(signals.as_mut_ptr());
        libc::sigaddset(signals.as_mut_ptr(), signal);
        libc::pthread_sigmask(how, signals.as_ptr(), ptr::null_mut());
    }
}

fn is_ignored(signal: i32) -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: with a null for the new action it only writes the old one, for which there is room; zeroes are one too.
    let action = unsafe {
        libc::sigaction(signal, ptr::null(), action.as_mut_ptr());
        action.assume_init()
    };
    action.sa_sigaction == libc::SIG_IGN
}

/// Signals that end a trace or reopen its outputs.
pub(super) struct Signals {
    first: oneshot::Receiver<()>,
    reopen: Arc<Notify>,
}

impl Signals {
    /// Starts listening, before the first record is written. Until then SIGINT and SIGTERM end the process at once (but not
    /// process 1 of a container): nothing was written that needs an end.
    ///
    /// Runs on a thread of its own: a trace that waits for a full pipe, or writes a long report, does not look for signals,
    /// and must still end at the second one.
    pub(super) fn listen(runtime: Runtime, command: Option<OwnedFd>, hangup: Hangup) -> Result<Self> {
        let (tell, first) = oneshot::channel();
        let reopen = Arc::new(Notify::new());
        let on_hangup = (hangup, Arc::clone(&reopen));
        let (ready, listens) = mpsc::sync_channel(1);
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                if let Err(error) = watch(&runtime, &ready, tell, command, &on_hangup) {
                    let _ = ready.send(Err(error));
                }
            })
            .context("start a thread for signals")?;
        listens.recv().context("listen for signals")??;
        Ok(Self { first, reopen })
    }

    /// Notified when the outputs should be reopened.
    pub(super) fn reopen(&self) -> Arc<Notify> {
        Arc::clone(&self.reopen)
    }

    /// Waits for the first signal.
    pub(super) async fn received(&mut self) {
        if (&mut self.first).await.is_err() {
            // The thread is gone: no signal will arrive.
            pending().await
        }
    }
}

/// Reports the first signal, and ends the process at the second one, with the exit code of a process that dies of it.
fn watch(
    runtime: &Runtime,
    ready: &mpsc::SyncSender<Result<()>>,
    tell: oneshot::Sender<()>,
    command: Option<OwnedFd>,
    (hangup, reopen): &(Hangup, Arc<Notify>),
) -> Result<()> {
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
        let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
        // Listening would stop ignoring the signal.
        let mut hung_up = match hangup {
            Hangup::Ignored => None,
            _ => Some(signal(SignalKind::hangup()).context("listen for SIGHUP")?),
        };
        mask(libc::SIG_UNBLOCK, libc::SIGHUP);
        let mut next = async || {
            loop {
                let hung_up = async {
                    match &mut hung_up {
                        Some(hung_up) => hung_up.recv().await,
                        None => pending().await,
                    }
                };
                tokio::select! {
                    _ = interrupt.recv() => return INTERRUPTED,
                    _ = terminate.recv() => return TERMINATED,
                    _ = hung_up => match hangup {
                        Hangup::Reopens => reopen.notify_one(),
                        _ => return HUNG_UP,
                    },
                }
            }
        };
        // Fails only if the caller has given up already.
        let _ = ready.send(Ok(()));
        std::process::exit(match command {
            Some(command) => pass_on(&command, &mut next).await,
            None => {
                next().await;
                let _ = tell.send(());
                next().await
            }
        })
    })
}

/// Leaves signals to the command. Returns the exit code for a signal that is not for the command: a second SIGTERM or
/// SIGHUP, or any signal once the command is over.
async fn pass_on(command: &OwnedFd, next: &mut impl AsyncFnMut() -> i32) -> i32 {
    let mut asked = false;
    loop {
        let code = next().await;
        let to_pass_on = match code {
            TERMINATED => Some(Signal::TERM),
            HUNG_UP => Some(Signal::HUP),
            _ => None,
        };
        let again = to_pass_on.is_some() && std::mem::replace(&mut asked, true);
        if again || is_over(command) {
            return code;
        }
        if let Some(signal) = to_pass_on {
            // Fails if the command ends at this very moment: nobody is left to signal.
            let _ = pidfd_send_signal(command, signal);
        }
    }
}

fn is_over(command: &OwnedFd) -> bool {
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut [PollFd::new(command, PollFlags::IN)], Some(&now)).is_ok_and(|ready| ready > 0)
}
