//! `tcptrace replay`: recordings emitted again.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, anyhow, bail};

use super::{Failure, emission::Emission, names::resolve};
use crate::{
    cli::{NetnsName, ReplayArgs, Selection},
    replay::{Left, Playback},
};

type Input = BufReader<Box<dyn Read>>;

/// Replays recordings.
pub(super) fn run(args: ReplayArgs) -> Result<(), Failure> {
    let ReplayArgs { files, output, watch, select } = args;
    let outputs = output.outputs().map_err(|error| Failure::usage(anyhow!(error)))?;
    let selection = Selection::from(select);
    if matches!(selection.netns, Some(NetnsName::Path(_))) {
        return Err(Failure::usage(anyhow!("a recording knows network namespaces by their numbers alone")));
    }
    let filter = resolve(selection)?;
    // Opened first: a recording that is not there must not cost the file that is.
    let inputs = files.iter().map(|path| open(path)).collect::<anyhow::Result<Vec<_>>>()?;
    refuse_input(outputs.iter().filter_map(|output| output.path.as_deref()), &files)?;
    let mut emission = Emission::open(filter, &outputs, &output)?;
    let mut playback = Playback::new(inputs, watch.limits());
    let emitted = emit(&mut playback, &mut emission, &files)
        .map_err(Failure::from)
        .and_then(|()| finish(&mut playback, &mut emission, &files));
    if !emitted.as_ref().is_err_and(Failure::is_closed_pipe) {
        emission.outputs.report_missing(0);
    }
    emitted?;
    emission.failure(&watch.conditions()).map_or(Ok(()), Err)
}

/// Emits the records, until as many were shown as were asked for.
fn emit(playback: &mut Playback<Input>, emission: &mut Emission, files: &[PathBuf]) -> anyhow::Result<()> {
    let mut records = Vec::new();
    while !emission.pipeline.is_full() {
        // Somebody may look on while it is recorded: nothing is kept back when the rest of the next line has yet to come.
        if playback.only_input().is_some_and(|input| !input.buffer().contains(&b'\n')) {
            emission.flush()?;
        }
        let goes_on = playback.read(&mut records).map_err(|(index, error)| {
            anyhow::Error::from(error)
                .context(format!("read {}", files.get(index).map_or_else(String::new, |path| name(path))))
        })?;
        emission.emit(&mut records)?;
        if !goes_on {
            break;
        }
    }
    Ok(())
}

/// Ends the outputs, when every record was emitted or enough of them.
fn finish(playback: &mut Playback<Input>, emission: &mut Emission, files: &[PathBuf]) -> Result<(), Failure> {
    let (left, is_full) = (playback.left(), emission.pipeline.is_full());
    complain(&left, files, is_full);
    match playback.finish(&mut emission.pipeline, is_full) {
        Some(ending) => Ok(emission.finish(&ending)?),
        None => Err(nothing(&left, files).into()),
    }
}

/// Refuses to write over what is read.
pub(super) fn refuse_input<'a>(
    outputs: impl IntoIterator<Item = &'a Path>,
    inputs: &[PathBuf],
) -> Result<(), Failure> {
    match outputs.into_iter().find(|path| is_one_of(path, inputs)) {
        None => Ok(()),
        Some(path) => {
            Err(Failure::usage(anyhow!("{} is a recording that is read: write elsewhere", path.display())))
        }
    }
}

fn open(path: &Path) -> anyhow::Result<Input> {
    let input: Box<dyn Read> = if path == Path::new("-") {
        Box::new(io::stdin())
    } else {
        let file = File::open(path).with_context(|| format!("open the recording {}", path.display()))?;
        if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
            bail!("{} is a directory: name a recording in it", path.display());
        }
        Box::new(file)
    };
    Ok(BufReader::with_capacity(1 << 16, input))
}

fn is_one_of(path: &Path, files: &[PathBuf]) -> bool {
    let identity = |path: &Path| {
        path.metadata().ok().filter(std::fs::Metadata::is_file).map(|file| (file.dev(), file.ino()))
    };
    identity(path).is_some_and(|it| files.iter().any(|file| identity(file) == Some(it)))
}

/// Says what was left out, recording by recording.
fn complain(left: &[Left], files: &[PathBuf], is_enough: bool) {
    for (left, path) in left.iter().zip(files) {
        let path = name(path);
        for sentence in left.skipped.sentences() {
            log::warn!("{path}: {sentence}");
        }
        match left.last {
            _ if is_enough => {}
            Some(_) if !left.is_complete => {
                log::warn!(
                    "{path}: no end record: it was cut off, or its trace is still running; what came after is unknown"
                );
            }
            Some(_) => {}
            None if files.len() > 1 => log::warn!("{path}: {}", no_record(left.is_empty)),
            None => {}
        }
    }
}

fn nothing(left: &[Left], files: &[PathBuf]) -> anyhow::Error {
    match (left, files) {
        ([left], [path]) => anyhow!("{}: {}", name(path), no_record(left.is_empty)),
        _ => anyhow!("in none of the {} files is a record of a trace", files.len()),
    }
}

pub(super) const fn no_record(is_empty: bool) -> &'static str {
    if is_empty { "it is empty" } else { "no line is a record of a trace (tcptrace -f json -o FILE)" }
}

pub(super) fn name(path: &Path) -> String {
    if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() }
}
