//! `tcptrace explain`: the page of one state, or the whole diagram.

use std::io::Write as _;

use anyhow::Context as _;

use super::Failure;
use crate::{
    cli::ExplainArgs,
    output::Output,
    tcp::{PageStyles, diagram, explain},
};

pub(super) fn run(args: &ExplainArgs) -> Result<(), Failure> {
    let mut out = Output::stdout_with(args.color);
    let styles = if out.is_coloured() { PageStyles::coloured() } else { PageStyles::default() };
    match args.state {
        Some(state) => explain(&mut out, state, styles),
        None => out.write_all(diagram().as_bytes()),
    }
    .and_then(|()| out.flush())
    .context("write to standard output")?;
    Ok(())
}
