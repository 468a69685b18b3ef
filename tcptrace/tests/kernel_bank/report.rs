//! What a run of the bank leaves behind: which hooks were active, and a row for each case.

use std::{fmt::Write as _, fs::OpenOptions, io::Write as _, sync::OnceLock};

use serde_json::Value;

use crate::harness::{
    trace::{Trace, line},
    tracer::{ran, tcptrace},
};

const REPORT: &str = "TCPTRACE_BANK_REPORT";

/// Says once, before the first case, what is active on this kernel.
pub fn opening(start: &Value) {
    static OPENED: OnceLock<()> = OnceLock::new();
    OPENED.get_or_init(|| {
        let active = format!("{}: {} sees {}", start["kernel"], start["probe"], start["sees"]);
        eprintln!("{}\n{active}", ran(tcptrace().arg("doctor")).out);
        append(&format!(
            "\n{active}\n\n| case | result | inferred | states that ss saw |\n|---|---|---|---|\n"
        ));
    });
}

/// The row of a case; `trace` and how many states the witness saw if it has passed.
pub fn row(case: &str, passed: Result<(&Trace, usize), &str>) {
    let row = match passed {
        Ok((trace, seen)) => format!("| {case} | passed | {} | {seen} |\n", inferred(trace)),
        Err(what) => format!("| {case} | {what} | - | - |\n"),
    };
    eprint!("{row}");
    append(&row);
}

/// The steps that are conclusions, and from what.
fn inferred(trace: &Trace) -> String {
    let mut text = String::new();
    for record in trace.records.iter().filter(|record| record["context"] == "inferred") {
        let line = line(record);
        let words: Vec<&str> = line.split(' ').collect();
        let separator = if text.is_empty() { "" } else { ", " };
        write!(text, "{separator}{} {}", words[0], words[1].trim_start_matches("inferred:")).unwrap();
    }
    if text.is_empty() { "-".to_owned() } else { text }
}

fn append(text: &str) {
    if let Some(path) = std::env::var_os(REPORT) {
        // One write, because cases run side by side.
        OpenOptions::new().append(true).create(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
    }
}
