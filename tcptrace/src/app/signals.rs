//! SIGINT and SIGTERM: the first one asks for an orderly end, the second one does not wait for it.

use std::{future::pending, sync::mpsc, thread};

use anyhow::{Context as _, Result};
use tokio::{
    runtime::Builder,
    signal::unix::{SignalKind, signal},
    sync::oneshot,
};

/// The two signals that end a trace.
pub(super) struct Signals {
    first: oneshot::Receiver<()>,
}

impl Signals {
    /// Begins to listen, before the trace is announced.
    ///
    /// On a thread of its own: a trace that waits for a full pipe to be read, or writes a long report, does not look for
    /// signals, and must end at the second one all the same.
    pub(super) fn listen() -> Result<Self> {
        let (tell, first) = oneshot::channel();
        let (ready, listens) = mpsc::sync_channel(1);
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                if let Err(error) = watch(&ready, tell) {
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
fn watch(ready: &mpsc::SyncSender<Result<()>>, tell: oneshot::Sender<()>) -> Result<()> {
    let runtime =
        Builder::new_current_thread().enable_all().build().context("start the runtime for signals")?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
        let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
        let mut next = async || {
            tokio::select! {
                _ = interrupt.recv() => 130,
                _ = terminate.recv() => 143,
            }
        };
        // Whoever does not wait for these has given up already.
        let _ = ready.send(Ok(()));
        next().await;
        let _ = tell.send(());
        std::process::exit(next().await)
    })
}
