//! `tcptrace diagram`: the state diagram as SVG, with what a recording saw on it.

use std::{
    fs::File,
    io::{self, BufReader, Write as _},
    path::Path,
};

use anyhow::{Context as _, Result, anyhow};
use clap::ColorChoice;

use super::{
    Failure,
    replay::{name, no_record, refuse_input},
};
use crate::{
    cli::DiagramArgs,
    diagram::{Observed, svg},
    output::Output,
};

pub(super) fn run(args: &DiagramArgs) -> Result<(), Failure> {
    refuse_input(args.output.as_deref(), args.file.as_slice())?;
    // Read first: a recording that cannot be opened must not cost the file that is there.
    let observed = args.file.as_deref().map(read).transpose()?;
    if let (Some(observed), Some(path)) = (&observed, &args.file)
        && observed.records == 0
    {
        return Err(anyhow!("{}: {}", name(path), no_record(observed.is_empty)).into());
    }
    for sentence in observed.iter().flat_map(|observed| observed.skipped.sentences()) {
        log::warn!("{sentence}");
    }
    let mut out = match &args.output {
        Some(path) => Output::file(path, ColorChoice::Never)?.emptied()?,
        None => Output::stdout(),
    };
    out.write_all(svg(observed.as_ref()).as_bytes())
        .and_then(|()| out.flush())
        .context("write the diagram")?;
    Ok(())
}

fn read(path: &Path) -> Result<Observed> {
    if path == Path::new("-") {
        return Observed::read(io::stdin().lock()).context("read standard input");
    }
    File::open(path)
        .and_then(|file| Observed::read(BufReader::new(file)))
        .with_context(|| format!("read the recording {}", path.display()))
}
