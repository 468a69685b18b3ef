//! The figures as a table for people, and every single run as CSV.

use super::{
    entry::{Entry, Run},
    flood::Flood,
};
use std::fmt::Write as _;

/// The table.
pub(super) fn text(entries: &[Entry], flood: &Flood) -> String {
    let mut text = format!(
        "{:<26} {:>19} {:>9} {:>21} {:>7} {:>10} {:>8}\n",
        "tracer", "conn/s, none = 1", "kernel ns", "CPU s/million", "lost", "lines/conn", "peak MiB"
    );
    let changes = flood.changes();
    let connections = f64::from(flood.connections);
    for entry in entries {
        let lines = entry.values(|run| Some(run.cost?.lines as f64 / connections));
        let number = |value: Option<f64>, decimals: usize| {
            value.map_or_else(|| "-".to_owned(), |value| format!("{value:.decimals$}"))
        };
        // A String collects what cannot fail.
        let _ = writeln!(
            text,
            "{:<26} {:>19} {:>9} {:>21} {:>7} {:>10} {:>8}",
            entry.contender.name,
            entry.values(|run| Some(run.ratio)).words(3),
            number(entry.kernel_ns, 0),
            entry.cpu(changes).words(2),
            entry.lost().map_or_else(|| "-".to_owned(), |lost| lost.to_string()),
            number(lines.median(), 2),
            number(entry.peak().max(), 1),
        );
    }
    text.push_str(
        "\nkernel ns: in the tracer's programs, per state change, in one more run while the kernel counts that\n\
         CPU: of the tracer after it has attached, until it has caught up, per million state changes; what is lost costs nothing\n\
         lost: in all rounds, as the tracer says; lines/conn: what it wrote, its header and report too\n",
    );
    text
}

/// Every run on a line.
pub(super) fn csv(entries: &[Entry], flood: &Flood) -> String {
    let mut text = "close,family,threads,connections,round,tracer,connections_per_s,ratio,cpu_s_per_million,\
        lost,lines,peak_rss_kib,kernel_ns_per_change,recursion_misses\n"
        .to_owned();
    let changes = flood.changes();
    let cell = |value: Option<String>| value.unwrap_or_default();
    for entry in entries {
        let of_run = |run: &Run| {
            let Run { round, rate, ratio, cost } = run;
            format!(
                "{round},\"{}\",{rate:.0},{ratio:.4},{},{},{},{},,",
                entry.contender.name,
                cell(cost.map(|cost| format!("{:.3}", cost.per_million(changes)))),
                cell(cost.and_then(|cost| cost.lost).map(|lost| lost.to_string())),
                cell(cost.map(|cost| cost.lines.to_string())),
                cell(cost.map(|cost| cost.peak_rss_kib.to_string())),
            )
        };
        // The run in which the kernel counted has no number.
        let counted = entry
            .kernel_ns
            .zip(entry.misses)
            .map(|(ns, misses)| format!(",\"{}\",,,,,,,{ns:.1},{misses}", entry.contender.name));
        for line in entry.runs.iter().map(of_run).chain(counted) {
            let Flood { connections, close, threads, .. } = flood;
            let _ = writeln!(text, "{},{},{threads},{connections},{line}", close.word(), flood.family());
        }
    }
    text
}
