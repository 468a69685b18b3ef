//! SIGINT and SIGTERM: the first one asks for an orderly end, the second one does not wait for it.
//!
//! While a command is traced they are for the command: the terminal gives it Ctrl+C too, and what it makes of that is its
//! own matter; SIGTERM is passed on. Its end is the trace's.

use std::{future::pending, os::fd::OwnedFd, sync::mpsc, thread};

use anyhow::{Context as _, Result};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Signal, pidfd_send_signal},
};
use tokio::{
    runtime::Builder,
    signal::unix::{SignalKind, signal},
    sync::oneshot,
};

/// The exit codes of a process that dies of SIGINT and of SIGTERM.
const INTERRUPTED: i32 = 130;
const TERMINATED: i32 = 143;

/// The two signals that end a trace.
pub(super) struct Signals {
    first: oneshot::Receiver<()>,
}

impl Signals {
    /// Begins to listen, before the trace is announced.
    ///
    /// On a thread of its own: a trace that waits for a full pipe to be read, or writes a long report, does not look for
    /// signals, and must end at the second one all the same.
    pub(super) fn listen(command: Option<OwnedFd>) -> Result<Self> {
        let (tell, first) = oneshot::channel();
        let (ready, listens) = mpsc::sync_channel(1);
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                if let Err(error) = watch(&ready, tell, command) {
                    let _ = ready.send(Err(error));
                }
            })
            .context("start a thread for signals")?;
        listens.recv().context("listen for signals")??;
        Ok(Self { first })
    }

    /// Waits for the first one.
    pub(super) async fn received(&mut self) {
        if (&mut self.first).await.is_err() {
            // The thread is gone, and no signal will be seen.
            pending().await
        }
    }
}

/// Tells of the first signal, and ends the process at the second, with the code of one that dies of it.
fn watch(
    ready: &mpsc::SyncSender<Result<()>>,
    tell: oneshot::Sender<()>,
    command: Option<OwnedFd>,
) -> Result<()> {
    let runtime =
        Builder::new_current_thread().enable_all().build().context("start the runtime for signals")?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
        let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
        let mut next = async || {
            tokio::select! {
                _ = interrupt.recv() => INTERRUPTED,
                _ = terminate.recv() => TERMINATED,
            }
        };
        // Whoever does not wait for these has given up already.
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

/// Leaves the signals to a command; says with which code to end when one comes that it does not get: a second SIGTERM,
/// or any when it is over.
async fn pass_on(command: &OwnedFd, next: &mut impl AsyncFnMut() -> i32) -> i32 {
    let mut terminated = false;
    loop {
        let code = next().await;
        let again = code == TERMINATED && std::mem::replace(&mut terminated, true);
        if again || is_over(command) {
            return code;
        }
        if code == TERMINATED {
            // It may end at this very moment: then there is nothing to send.
            let _ = pidfd_send_signal(command, Signal::TERM);
        }
    }
}

fn is_over(command: &OwnedFd) -> bool {
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut [PollFd::new(command, PollFlags::IN)], Some(&now)).is_ok_and(|ready| ready > 0)
}
