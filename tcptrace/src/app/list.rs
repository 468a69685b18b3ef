//! `tcptrace list`: the sockets there are now.

use std::io::Write as _;

use anyhow::Context as _;

use super::{Failure, clock::Clock, names::resolve};
use crate::{
    cli::{ListArgs, ListFormat, Selection},
    found::{Found, Holder},
    output::Output,
    process::{Comm, Evidence, Owner},
    render::{Palette, Table, write_listed},
    snapshot::{self, Options, Scope},
    tcp::TcpState,
};

pub(super) fn run(args: ListArgs) -> Result<(), Failure> {
    let filter = resolve(Selection::from(args.select))?;
    let snapshot = snapshot::take(Options { scope: Scope::Everywhere, owners: true })?;
    for warning in &snapshot.warnings {
        log::warn!("{warning}");
    }
    let at = Clock::new().now();
    let mut rows: Vec<(Found, Option<Owner>)> = snapshot
        .sockets
        .into_iter()
        // A socket that is only bound has no part in any connection; no other tool lists it.
        .filter(|found| found.state != TcpState::Close || filter.states.contains(&TcpState::Close))
        .map(|found| {
            let owner = found.owner.as_ref().map(Owner::from);
            (found, owner)
        })
        .filter(|(found, owner)| filter.lists(&found.tuple, found.netns, found.state, owner.as_ref()))
        .collect();
    // Listeners first, then what belongs together side by side.
    rows.sort_by_key(|(found, _)| {
        let (local, remote) = (found.tuple.local, found.tuple.remote);
        (
            found.state != TcpState::Listen,
            local.port.min(remote.port),
            local.port.max(remote.port),
            found.netns,
            local,
        )
    });

    let mut out = Output::stdout_with(args.color);
    match args.format {
        ListFormat::Text => {
            let table = Table { palette: Palette::new(out.is_coloured()), width: out.width() };
            table.write(&mut out, &rows)
        }
        ListFormat::Json => {
            rows.iter().try_for_each(|(found, owner)| write_listed(&mut out, at, found, owner.as_ref()))
        }
    }
    .and_then(|()| out.flush())
    .context("write to standard output")?;
    Ok(())
}

impl From<&Holder> for Owner {
    fn from(holder: &Holder) -> Self {
        Self {
            pid: holder.pid,
            comm: Comm::from_slice(&holder.comm),
            uid: holder.uid,
            evidence: Evidence::Procfs,
        }
    }
}
