//! All TCP sockets that exist right now, and who holds them: what was there before the trace began.
//!
//! The kernel walks its tables while sockets come and go, so each thing in a dump was true at some
//! moment of the call, not a picture of one moment. Join it with events by cookie, and let events win.

mod answer;
mod cgroups;
mod dump;
mod namespaces;
mod owners;
mod processes;

use std::collections::HashSet;

use anyhow::Result;

#[cfg(any(test, fuzzing))]
pub(crate) use answer::Answer;
pub use cgroups::{cgroup_of, cgroups, has_older};
pub use processes::parents;

use crate::{address::Netns, dumped::DumpedSocket};

/// Network namespaces to dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The network namespace of the calling thread.
    Here,
    /// Every network namespace that a process is in or that a mount keeps (`/run/netns/…`).
    ///
    /// Not seen: a namespace that only a thread other than its process's first, or only a file descriptor, keeps.
    Everywhere,
}

/// States of the sockets to dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum States {
    /// Sockets in any state.
    All,
    /// Sockets in `FIN_WAIT2` and `TIME_WAIT`: the states of minisockets.
    Minisockets,
}

/// Options of [`take`].
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Namespaces to dump.
    pub scope: Scope,
    /// States to dump.
    pub states: States,
    /// Whether to find the owners and the cgroups too. Costs one look at every file descriptor on the host.
    pub owners: bool,
}

/// The sockets that exist, and what could not be looked at.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// One entry per socket, in the kernel's order.
    pub sockets: Vec<DumpedSocket>,
    /// The namespaces whose every socket is in `sockets`.
    pub namespaces: HashSet<Netns>,
    /// Sentences for the user: what is missing from `sockets`, why, and what would help.
    pub warnings: Vec<String>,
}

/// Dumps the sockets. Blocks for about as long as the kernel needs to walk its tables.
///
/// # Errors
/// If the namespace of the calling thread cannot be dumped. Trouble with other namespaces or with owners is a warning.
pub fn take(options: Options) -> Result<Snapshot> {
    let mut snapshot = Snapshot::default();
    let here = namespaces::here()?;
    dump::namespace(here, options.states, &mut snapshot)?;
    if options.scope == Scope::Everywhere {
        namespaces::visit_others(here, options.states, &mut snapshot);
    }
    if options.owners {
        owners::assign(&mut snapshot);
        cgroups::assign(&mut snapshot.sockets);
    }
    Ok(snapshot)
}
