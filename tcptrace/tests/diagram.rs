//! `tcptrace diagram` as a user runs it: the plain picture, one with numbers, and recordings that are no good.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::{
    io::Write as _,
    process::{Command, Output, Stdio},
};

/// Every life in short: opened from both ends, closed in order, refused, reset, an unusual step, and a gap.
const STEPS: [(&str, &str); 15] = [
    ("socket", r#""state":"LISTEN""#),
    ("transition", r#""from":"CLOSE","to":"SYN_SENT""#),
    ("transition", r#""from":"CLOSE","to":"SYN_SENT""#),
    ("transition", r#""from":"SYN_SENT","to":"ESTABLISHED","in_from_ns":197000"#),
    ("transition", r#""from":"SYN_SENT","to":"CLOSE","in_from_ns":40000,"cause":"refused""#),
    ("transition", r#""from":"LISTEN","to":"SYN_RECV""#),
    ("transition", r#""from":"SYN_RECV","to":"ESTABLISHED","in_from_ns":6000"#),
    ("transition", r#""from":"ESTABLISHED","to":"FIN_WAIT1","in_from_ns":502000000"#),
    ("transition", r#""from":"ESTABLISHED","to":"CLOSE_WAIT","in_from_ns":502001000"#),
    ("transition", r#""from":"ESTABLISHED","to":"CLOSE","in_from_ns":1000000,"cause":"reset_received""#),
    ("transition", r#""from":"FIN_WAIT1","to":"FIN_WAIT2","in_from_ns":40000"#),
    ("transition", r#""from":"CLOSE_WAIT","to":"LAST_ACK","in_from_ns":1000000000"#),
    ("transition", r#""from":"LAST_ACK","to":"CLOSE","in_from_ns":20000"#),
    ("transition", r#""from":"SYN_RECV","to":"CLOSE_WAIT""#),
    ("transition", r#""from":"ESTABLISHED","to":"CLOSE","context":"inferred","evidence":"continuity""#),
];

/// The recording of these, in which every step is of a socket of its own.
fn recording() -> String {
    let line = |(i, (kind, step)): (usize, &(&str, &str))| {
        let socket = format!("\"socket\":\"{}\",\"local\":{{\"address\":\"::1\",\"port\":80}}", i + 1);
        format!(
            "{{\"v\":1,\"type\":\"{kind}\",\"time\":\"2026-11-22T10:00:00Z\",\"mono_ns\":1,{socket},{step}}}\n"
        )
    };
    STEPS.iter().enumerate().map(line).collect()
}

fn diagram(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tcptrace"))
        .arg("diagram")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[track_caller]
fn drawn(arguments: &[&str], input: &str) -> (String, String) {
    let output = diagram(arguments, input);
    assert!(output.status.success());
    (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn plain() {
    let (svg, err) = drawn(&[], "");
    assert_eq!(err, "");
    insta::assert_snapshot!("diagram_plain", svg);
}

#[test]
fn with_what_was_observed() {
    let (svg, err) = drawn(&["-"], &recording());
    assert_eq!(err, "");
    insta::assert_snapshot!("diagram_observed", svg);
}

#[test]
fn lines_that_cannot_be_read_are_counted() {
    let (svg, err) = drawn(&["-"], &format!("nonsense\n{}{{\"type\":\"transition\"", recording()));
    assert_eq!(err, "tcptrace: warn: lines that could not be read: 2\n");
    assert_eq!(svg, drawn(&["-"], &recording()).0);
}

#[test]
fn from_a_file_into_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let [from, to] = ["x.jsonl", "x.svg"].map(|name| dir.path().join(name).to_str().unwrap().to_owned());
    std::fs::write(&from, recording()).unwrap();
    assert_eq!(drawn(&[&from, "-o", &to], ""), Default::default());
    let before = std::fs::read_to_string(&to).unwrap();
    assert_eq!(before, drawn(&["-"], &recording()).0);

    // A recording that is not there costs nothing that is.
    let failed = diagram(&["nowhere.jsonl", "-o", &to], "");
    assert_eq!(failed.status.code(), Some(1));
    assert!(String::from_utf8(failed.stderr).unwrap().contains("read the recording nowhere.jsonl"));
    assert_eq!(std::fs::read_to_string(&to).unwrap(), before);
}
