//! SIGINT and SIGTERM: the first one asks for an orderly end, the second one does not wait for it.

use std::thread;

use anyhow::{Context as _, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The two signals that end a trace.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Begins to listen. Made once and before the trace is announced: a stream that is made anew can miss a signal.
    pub(super) fn listen() -> Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).context("listen for SIGINT")?,
            terminate: signal(SignalKind::terminate()).context("listen for SIGTERM")?,
        })
    }

    /// Waits for one of them; says with which code a process ends that dies of it.
    pub(super) async fn received(&mut self) -> i32 {
        tokio::select! {
            _ = self.interrupt.recv() => 130,
            _ = self.terminate.recv() => 143,
        }
    }

    /// Ends the process at once when the next one comes, whatever else it is doing.
    pub(super) fn next_one_kills() {
        // A thread, because the closing report is written without a pause in which the runtime could look.
        let watch = || -> Result<()> {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let code = runtime.block_on(async { anyhow::Ok(Self::listen()?.received().await) })?;
            std::process::exit(code);
        };
        thread::spawn(move || {
            if let Err(error) = watch() {
                log::warn!("a second signal will not end the process at once: {error:#}");
            }
        });
    }
}
