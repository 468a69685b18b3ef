//! `tcptrace list`: the sockets that exist now.

use std::io::Write as _;

use anyhow::Context as _;

use super::{Failure, names::resolve};
use crate::{
    cli::{ListArgs, ListFormat, Selection},
    live::Clock,
    output::Output,
    render::{Palette, Table, write_listed},
    snapshot::{self, Options, Scope, States},
    tcp::TcpState,
};

pub(super) fn run(args: ListArgs) -> Result<(), Failure> {
    let filter = resolve(Selection::from(args.select))?;
    let snapshot = snapshot::take(Options { scope: Scope::Everywhere, states: States::All, owners: true })?;
    for warning in &snapshot.warnings {
        log::warn!("{warning}");
    }
    let at = Clock::new().now();
    let mut sockets = snapshot.sockets;
    let any_cgroup = filter.cgroups.is_empty() && filter.containers.is_empty();
    sockets.retain(|found| {
        // A socket that is only bound belongs to no connection, and no other tool lists it.
        (found.state != TcpState::Close || filter.states.contains(&TcpState::Close))
            && filter.matches(found)
            && (any_cgroup || filter.has_cgroup(found.cgroup.as_deref()))
    });
    // Listeners first, then the two ends of a connection side by side.
    sockets.sort_by_key(|found| {
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
            table.write(&mut out, &sockets)
        }
        ListFormat::Json => sockets.iter().try_for_each(|found| write_listed(&mut out, at, found)),
    }
    .and_then(|()| out.flush())
    .context("write to standard output")?;
    Ok(())
}
