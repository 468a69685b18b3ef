//! `tcptrace replay`: recordings told again.

use std::{
    fs::File,
    io::{self, BufReader, Read, Write as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, anyhow, bail};
use jiff::tz::TimeZone;

use super::{
    Failure,
    names::resolve,
    story::Story,
    trace::{renderer, report},
};
use crate::{
    cli::{Format, NetnsName, ReplayArgs, Selection},
    connection::ConnectionTable,
    output::Output,
    record::{End, Record, Totals},
    render::{ConnectionReport, Now, Palette, Text, describe_totals},
    replay::{Left, Merge},
    stuck::StuckDetector,
    time::Moment,
};

type Input = BufReader<Box<dyn Read>>;

pub(super) fn run(args: ReplayArgs) -> Result<(), Failure> {
    let selection = Selection::from(args.select);
    if matches!(selection.netns, Some(NetnsName::Path(_))) {
        return Err(Failure::usage(anyhow!("a recording knows network namespaces by their numbers alone")));
    }
    let filter = resolve(selection)?;
    // Opened first: a recording that is not there must not cost the file that is.
    let inputs = args.files.iter().map(|path| open(path)).collect::<anyhow::Result<Vec<_>>>()?;
    if let Some(path) = args.output.as_deref().filter(|path| is_one_of(path, &args.files)) {
        return Err(Failure::usage(anyhow!(
            "{} is a recording that is read: write elsewhere",
            path.display()
        )));
    }
    let out = match &args.output {
        Some(path) => Output::file(path, args.color)?,
        None => Output::stdout_with(args.color),
    };
    let look =
        Text { zone: TimeZone::system(), palette: Palette::new(out.is_coloured()), width: out.width() };
    let (format, keep) = renderer(args.format, args.report.0, &look);
    let mut story = Story::new(filter, format, ConnectionTable::new(keep), out, args.count);
    let mut merge = Merge::new(inputs);
    let mut watch = args.watch.limits().map(StuckDetector::new);
    tell(&mut merge, &mut story, watch.as_mut(), args.format, &args.files)?;

    let left = merge.left();
    complain(&left, &args.files, story.is_enough());
    let Some(last) = left.iter().filter_map(|left| left.last).max_by_key(|at| at.wall_ns) else {
        return Err(nothing(&left, &args.files).into());
    };
    let at = merge.moment(last);
    if let Some(watch) = watch.as_mut().filter(|_| !story.is_enough()) {
        let mut stuck = watch.overdue(at).into_iter().map(Record::Stuck).collect();
        story.tell(&mut stuck).context("write")?;
    }
    let judged = left.iter().filter_map(|left| left.skipped.open_at).max_by_key(|at| at.wall_ns);
    let judged = judged.map_or(at, |judged| merge.moment(judged));
    story.finish(judged).context("write")?;
    let Totals { shown, filtered, .. } = story.totals();
    let [filtered, lost] = left.iter().fold([filtered, 0], |[filtered, lost], left| {
        [filtered + left.totals.filtered, lost + left.totals.lost]
    });
    let totals = Totals { seen: shown + filtered + lost, shown, filtered, lost };
    // To a program, a trace without its end was cut off, and this one was.
    if args.format != Format::Json || story.is_enough() || left.iter().all(|left| left.is_complete) {
        let illegal = story.met.illegal;
        story.announce(&Record::End(End { at, totals, illegal })).context("write")?;
    }
    if args.format == Format::Text {
        let page = ConnectionReport { style: &look, now: Now { at, listed: None }, recorded: true };
        report(&mut story, &page).context("write the report")?;
        writeln!(story.out, "{}", describe_totals(&totals)).context("write")?;
    }
    story.flush().context("write")?;
    story.met.lost = lost;
    let met = story.met.words(&args.watch.fail_on).map(Failure::condition);
    met.map_or(Ok(()), Err)
}

/// Tells the records, until as many were told as were asked for.
fn tell(
    merge: &mut Merge<Input>,
    story: &mut Story,
    mut watch: Option<&mut StuckDetector>,
    format: Format,
    files: &[PathBuf],
) -> anyhow::Result<()> {
    let mut has_begun = false;
    let mut records = Vec::new();
    while !story.is_enough() {
        // Somebody may look on while it is recorded: nothing is kept back when the next line has yet to come.
        if merge.only_input().is_some_and(|input| input.buffer().is_empty()) {
            story.flush().context("write")?;
        }
        let record = merge.read().map_err(|(index, error)| {
            anyhow::Error::from(error)
                .context(format!("read {}", files.get(index).map_or_else(String::new, |path| name(path))))
        })?;
        let Some(record) = record else { break };
        let is_heading = matches!(record, Record::Start(_));
        if let Some(watch) = &mut watch {
            if matches!(record, Record::Stuck(_)) {
                // By other limits: they are made anew.
                continue;
            }
            // Another trace: what the one before left open may have moved on since.
            if is_heading && merge.only_input().is_some() {
                watch.clear();
            }
            attend(watch, &record, &mut records);
        }
        // One heading is enough for people.
        if is_heading && has_begun && format != Format::Json {
            continue;
        }
        has_begun |= is_heading;
        records.push(record);
        story.tell(&mut records).context("write")?;
    }
    Ok(())
}

/// Takes in a record, after those that were due before it: what happens at the very moment goes first.
fn attend(watch: &mut StuckDetector, record: &Record, out: &mut Vec<Record>) {
    let Moment { mono_ns, wall_ns } = record.at();
    if let Some(before) = mono_ns.checked_sub(1) {
        let before = Moment { mono_ns: before, wall_ns: wall_ns.saturating_sub(1) };
        out.extend(watch.overdue(before).into_iter().map(Record::Stuck));
    }
    watch.follow(record);
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
            None if files.len() > 1 => log::warn!("{path}: {}", no_record(left)),
            None => {}
        }
    }
}

fn nothing(left: &[Left], files: &[PathBuf]) -> anyhow::Error {
    match (left, files) {
        ([left], [path]) => anyhow!("{}: {}", name(path), no_record(left)),
        _ => anyhow!("in none of the {} files is a record of a trace", files.len()),
    }
}

const fn no_record(left: &Left) -> &'static str {
    if left.is_empty { "it is empty" } else { "no line is a record of a trace (tcptrace -f json -o FILE)" }
}

fn name(path: &Path) -> String {
    if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() }
}
