//! How long a record's way through user space takes, stage by stage: `cargo bench --bench pipeline`. What holds each stage to a
//! cost is `cargo xtask instructions`, which other work on the machine does not disturb; this says what it is worth.

#[expect(dead_code, reason = "each who shares it uses a part")]
mod flood;

use std::{
    fs::File,
    hint::black_box,
    io::{self, BufReader},
    path::Path,
    time::{Duration, Instant},
};

use criterion::{Bencher, Criterion, Throughput};
use flood::{Flood, FloodPipeline, How, Raw, lives::RECORDS};
use jiff::tz::TimeZone;
use tcptrace::{
    connection::Retain,
    event::RawEvent,
    record::Record,
    recording::{Item, Reader},
    render::{Json, Palette, Render, Text, TextStyle},
};

/// State changes of one connection.
const CHANGES: u64 = 10;
/// Connections that are open at any time.
const OPEN: u64 = 100;
/// Number of connections that are decoded or followed at a time: few enough for their records to stay in the
/// processor's cache, as those of a batch do.
const AT_ONCE: u64 = 100;

fn main() {
    let [warm_up, measure] = [1, 2].map(Duration::from_secs);
    let criterion = Criterion::default().sample_size(20).warm_up_time(warm_up).measurement_time(measure);
    let mut criterion = criterion.configure_from_args();
    decode(&mut criterion);
    whole(&mut criterion);
    render(&mut criterion);
    criterion.final_summary();
}

fn decode(criterion: &mut Criterion) {
    let raws: Vec<Raw> = Flood::new(OPEN, 0).take((AT_ONCE * RECORDS) as usize).collect();
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Elements(AT_ONCE * CHANGES));
    group.bench_function("records", |bencher| {
        bencher.iter(|| {
            for raw in &raws {
                let _ = black_box(RawEvent::decode(black_box(raw.bytes())));
            }
        });
    });
    group.finish();
}

/// As far as the tracker, and to the end in each format; an iteration is the records of one connection.
fn whole(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pipeline");
    group.throughput(Throughput::Elements(CHANGES));
    for (name, how) in
        [("untold", How::Untold), ("json", How::Json), ("text", How::Text), ("ladder", How::Ladder)]
    {
        let mut flood = Flood::new(OPEN, 0);
        let mut pipeline = FloodPipeline::new(how, Path::new("/dev/null"));
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|connections| follow(&mut flood, &mut pipeline, connections));
        });
    }
    group.finish();
}

/// Follows this number of further connections; making their records does not count.
fn follow(flood: &mut Flood, pipeline: &mut FloodPipeline, connections: u64) -> Duration {
    let mut left = connections;
    let mut spent = Duration::ZERO;
    while left > 0 {
        let now = left.min(AT_ONCE);
        let raws: Vec<Raw> = flood.take((now * RECORDS) as usize).collect();
        let began = Instant::now();
        raws.iter().for_each(|raw| pipeline.take(raw));
        spent += began.elapsed();
        left -= now;
    }
    spent
}

/// A format alone.
fn render(criterion: &mut Criterion) {
    let records = told();
    let mut group = criterion.benchmark_group("render");
    group.throughput(Throughput::Elements(records.len() as u64));
    let text =
        Text::new(TextStyle { zone: TimeZone::UTC, palette: Palette::new(false), width: None }, Retain::None);
    group.bench_function("json", |bencher| write(bencher, &records, Json::default()));
    group.bench_function("text", |bencher| write(bencher, &records, text.clone()));
    group.finish();
}

fn write(bencher: &mut Bencher<'_>, records: &[Record], mut format: impl Render) {
    bencher.iter(|| records.iter().try_for_each(|record| format.record(&mut io::sink(), black_box(record))));
}

/// The steps of some connections: what a recording of them says.
fn told() -> Vec<Record> {
    let path = tempfile::NamedTempFile::new().expect("a place to write to").into_temp_path();
    let mut pipeline = FloodPipeline::new(How::Json, &path);
    Flood::new(OPEN, 0).take((2 * AT_ONCE * RECORDS) as usize).for_each(|raw| pipeline.take(&raw));
    pipeline.finish();
    let recording = Reader::new(BufReader::new(File::open(&path).expect("it was written")));
    let steps = recording.filter_map(|item| match item {
        Ok(Item::Record(record @ Record::Transition(_))) => Some(record),
        _ => None,
    });
    steps.collect()
}
