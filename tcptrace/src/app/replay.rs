//! `tcptrace replay`: recordings told again.

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
    pipeline::Ending,
    record::{End, Record, Totals},
    replay::{self, Left, Merge},
    stuck::StuckDetector,
    time::Moment,
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
    let mut merge = Merge::new(inputs);
    let mut detector = watch.limits().map(StuckDetector::new);
    let emitted = emit(&mut merge, &mut emission, detector.as_mut(), &files)
        .map_err(Failure::from)
        .and_then(|()| finish(&mut merge, &mut emission, detector, &files));
    if !emitted.as_ref().is_err_and(Failure::is_closed_pipe) {
        emission.outputs.report_missing(0);
    }
    emitted?;
    emission.failure(&watch.conditions()).map_or(Ok(()), Err)
}

/// Emits the records, until as many were shown as were asked for.
fn emit(
    merge: &mut Merge<Input>,
    emission: &mut Emission,
    mut detector: Option<&mut StuckDetector>,
    files: &[PathBuf],
) -> anyhow::Result<()> {
    let mut records = Vec::new();
    while !emission.pipeline.is_full() {
        // Somebody may look on while it is recorded: nothing is kept back when the rest of the next line has yet to come.
        if merge.only_input().is_some_and(|input| !input.buffer().contains(&b'\n')) {
            emission.flush()?;
        }
        let record = merge.read().map_err(|(index, error)| {
            anyhow::Error::from(error)
                .context(format!("read {}", files.get(index).map_or_else(String::new, |path| name(path))))
        })?;
        let record = match record {
            replay::Read::Record(record) => record,
            replay::Read::Nothing => continue,
            replay::Read::End => break,
        };
        if let Some(detector) = &mut detector {
            if matches!(record, Record::Stuck(_)) {
                // By other limits: they are made anew.
                continue;
            }
            // Another trace: what the one before left open may have moved on since.
            if matches!(record, Record::Start(_)) && merge.only_input().is_some() {
                detector.clear();
            }
            detect(detector, &record, &mut records);
        }
        records.push(record);
        emission.emit(&mut records)?;
    }
    Ok(())
}

/// Ends the outputs, when every record was emitted or enough of them.
fn finish(
    merge: &mut Merge<Input>,
    emission: &mut Emission,
    detector: Option<StuckDetector>,
    files: &[PathBuf],
) -> Result<(), Failure> {
    let left = merge.left();
    let is_full = emission.pipeline.is_full();
    complain(&left, files, is_full);
    let Some(last) = left.iter().filter_map(|left| left.last).max_by_key(|at| at.wall_ns) else {
        return Err(nothing(&left, files).into());
    };
    let at = merge.moment(last);
    if let Some(mut detector) = detector.filter(|_| !is_full) {
        emission.emit(&mut detector.overdue(at).into_iter().map(Record::Stuck).collect())?;
    }
    emission.pipeline.close();
    let open_at = left.iter().filter_map(|left| left.skipped.open_at).max_by_key(|at| at.wall_ns);
    let Totals { shown, filtered, .. } = emission.pipeline.totals();
    let [filtered, lost] = left.iter().fold([filtered, 0], |[filtered, lost], left| {
        [filtered + left.totals.filtered, lost + left.totals.lost]
    });
    let totals = Totals { seen: shown + filtered + lost, shown, filtered, lost };
    let ending = Ending {
        end: End { at, totals, illegal: emission.pipeline.illegal() },
        open_at: open_at.map_or(at, |open_at| merge.moment(open_at)),
        is_complete: is_full || left.iter().all(|left| left.is_complete),
        is_recorded: true,
        dumped: None,
    };
    Ok(emission.finish(&ending)?)
}

/// Takes in a record, after those that were due before it: what happens at the very moment goes first.
fn detect(detector: &mut StuckDetector, record: &Record, out: &mut Vec<Record>) {
    let Moment { mono_ns, wall_ns } = record.at();
    if let Some(before) = mono_ns.checked_sub(1) {
        let before = Moment { mono_ns: before, wall_ns: wall_ns.saturating_sub(1) };
        out.extend(detector.overdue(before).into_iter().map(Record::Stuck));
    }
    detector.follow(record);
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
                    "{path}: has no end: it was cut off, or its trace goes on; what came then is not known"
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
