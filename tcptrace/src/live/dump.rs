//! A dump of sockets that is being made, on a thread of its own: on a large host that takes seconds, and the kernel's buffer is
//! full sooner.

use std::thread;

use anyhow::{Context as _, Result, anyhow};
use tokio::sync::oneshot;

use crate::{
    session::{Dump, DumpRequest},
    snapshot::{self, Options, Scope, Snapshot, States},
};

/// All there are, and who has them.
pub(super) const EVERYTHING: Options =
    Options { scope: Scope::Everywhere, states: States::All, owners: true };

const MINISOCKETS: Options = Options { scope: Scope::Everywhere, states: States::Minisockets, owners: false };

/// A dump that is being made.
pub(super) struct DumpThread {
    request: DumpRequest,
    made: oneshot::Receiver<Result<Dump>>,
}

impl DumpThread {
    /// Begins to make it; owners are looked for only where `/proc` has them by the numbers that events have.
    pub(super) fn begin(request: DumpRequest, has_owners: bool) -> Result<Self> {
        let (done, made) = oneshot::channel();
        // Nobody waits for it where the trace has ended meanwhile.
        let make = move || drop(done.send(make(request, has_owners)));
        thread::Builder::new().name("dump".to_owned()).spawn(make).context("start a thread")?;
        Ok(Self { request, made })
    }

    /// Waits for the dump that is being made, if any; else for ever.
    pub(super) async fn made(under_way: &mut Option<Self>) -> (DumpRequest, Result<Dump>) {
        let Some(thread) = under_way else { return std::future::pending().await };
        let made = (&mut thread.made).await;
        let made = made.unwrap_or_else(|_| Err(anyhow!("the thread that makes it has ended")));
        let request = thread.request;
        *under_way = None;
        (request, made)
    }
}

fn make(request: DumpRequest, has_owners: bool) -> Result<Dump> {
    let (options, needs_processes) = match request {
        DumpRequest::Everything { processes } => (EVERYTHING, processes),
        DumpRequest::Minisockets => (MINISOCKETS, false),
    };
    let options = Options { owners: options.owners && has_owners, ..options };
    let Snapshot { sockets, namespaces, warnings } = snapshot::take(options)?;
    let processes = if needs_processes { snapshot::parents() } else { Vec::new() };
    Ok(Dump { sockets, namespaces, processes, warnings })
}
