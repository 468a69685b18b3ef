//! `schema/validate.py`: the judge that is not ours.

use std::{collections::BTreeMap, fs, io::Write as _, process::Command};

/// Complaints by number of the line, the first being 1.
pub type Problems = BTreeMap<usize, String>;

/// Validates JSON lines. `None`, and a word in the log of skipped tests, where python's `jsonschema` is missing.
pub fn problems(test: &str, lines: &[u8]) -> Option<Problems> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(lines).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/schema/validate.py");
    let output = match Command::new("python3").arg(script).arg(file.path()).output() {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return skipped(test, "no python3"),
        Err(error) => panic!("python3: {error}"),
    };
    let (said, complaint) = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text)).into();
    match output.status.code() {
        Some(0) => Some(Problems::new()),
        Some(1) if complaint.is_empty() => {
            Some(said.lines().map(|line| problem(file.path(), line)).collect())
        }
        Some(3) => skipped(test, "python3 has no package jsonschema"),
        _ => panic!("{script}: {}\n{said}{complaint}", output.status),
    }
}

/// Asserts that every line is as the schema says.
pub fn assert_valid(test: &str, lines: &[u8]) {
    let problems = problems(test, lines).unwrap_or_default();
    let text = String::from_utf8_lossy(lines);
    let all: Vec<_> = text.lines().collect();
    let shown: Vec<_> = problems.iter().map(|(line, what)| format!("{what}\n  {}", all[line - 1])).collect();
    assert!(shown.is_empty(), "{} of {} lines:\n{}", shown.len(), all.len(), shown.join("\n"));
}

fn problem(file: &std::path::Path, line: &str) -> (usize, String) {
    let rest = line.strip_prefix(&format!("{}:", file.display())).unwrap_or_else(|| panic!("{line}"));
    let (number, what) = rest.split_once(": ").unwrap();
    (number.parse().unwrap(), what.to_owned())
}

fn skipped(test: &str, why: &str) -> Option<Problems> {
    eprintln!("skipped: {why}");
    if let Some(log) = std::env::var_os("TCPTRACE_SKIP_LOG") {
        let mut log = fs::OpenOptions::new().append(true).create(true).open(log).unwrap();
        writeln!(log, "{test}: {why}").unwrap();
    }
    None
}
