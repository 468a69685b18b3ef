//! `tcptrace replay` as a user runs it: the same again, filtered, damaged, and of two hosts.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[path = "schema/validator.rs"]
mod validator;

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Command, Output, Stdio},
};

use serde_json::Value;

/// A host's recording: its clock is `boot` behind the wall clock, and its socket is one end of a connection.
fn recording(
    boot: u64,
    delay_us: u64,
    local: (&str, u16),
    remote: (&str, u16),
    steps: &[(&str, &str)],
) -> String {
    let head = |kind: &str, us: u64| {
        format!(
            "{{\"v\":1,\"type\":\"{kind}\",\"time\":\"2026-11-22T10:00:00.{:09}Z\",\"mono_ns\":{}",
            us * 1_000,
            boot + us * 1_000
        )
    };
    let mut text =
        head("start", 0) + ",\"version\":\"0.1.0\",\"kernel\":\"6.18.0\",\"probe\":\"btf\",\"sees\":[]}\n";
    for (i, (from, to)) in (0..).zip(steps) {
        let us = delay_us + i * 1_000;
        text += &head("transition", us);
        text += &format!(
            ",\"socket\":\"5\",\"connection\":\"1\",\"family\":\"ipv4\",\"local\":{{\"address\":\"{}\",\"port\":{}}},\
             \"remote\":{{\"address\":\"{}\",\"port\":{}}},\"from\":\"{from}\",\"to\":\"{to}\",\"since_first_ns\":{}}}\n",
            local.0,
            local.1,
            remote.0,
            remote.1,
            i * 1_000_000
        );
    }
    let (seen, us) = (steps.len(), delay_us + 500_000);
    text + &head("end", us) + &format!(",\"seen\":{seen},\"shown\":{seen},\"filtered\":0,\"lost\":0}}\n")
}

const CLIENT: (&str, u16) = ("10.0.0.1", 40_000);
const SERVER: (&str, u16) = ("10.0.0.2", 80);

fn client() -> String {
    let steps = [("CLOSE", "SYN_SENT"), ("SYN_SENT", "ESTABLISHED"), ("ESTABLISHED", "CLOSE_WAIT")];
    recording(1_000_000_000, 100, CLIENT, SERVER, &steps)
}

fn server() -> String {
    let steps = [("LISTEN", "SYN_RECV"), ("SYN_RECV", "ESTABLISHED"), ("ESTABLISHED", "FIN_WAIT1")];
    recording(77_000_000_000, 500, SERVER, CLIENT, &steps)
}

fn replay(recordings: &[&[u8]], options: &[&str]) -> Output {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tcptrace"));
    command.arg("replay").args(options).env("TZ", "UTC");
    for (i, recording) in recordings.iter().enumerate() {
        let path = dir.path().join(format!("{i}.jsonl"));
        std::fs::write(&path, recording).unwrap();
        command.arg(path);
    }
    command.output().unwrap()
}

#[track_caller]
fn told(recordings: &[&[u8]], options: &[&str]) -> (String, String) {
    let output = replay(recordings, options);
    let [out, err] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(output.status.success(), "{err}");
    (out, err)
}

fn of_type(text: &str, kind: &str) -> Vec<Value> {
    let all = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    all.filter(|record| record["type"] == kind).collect()
}

#[test]
fn json_again_is_the_same() {
    // Once, because summaries are made anew and these recordings have none.
    let (once, err) = told(&[client().as_bytes()], &["-f", "json"]);
    assert_eq!(err, "");
    assert_eq!(told(&[once.as_bytes()], &["-f", "json"]), (once.clone(), String::new()));
    let without: String = once
        .lines()
        .filter(|line| !line.contains("\"type\":\"connection\""))
        .map(|line| format!("{line}\n"))
        .collect();
    assert_eq!(without, client());
}

#[test]
fn two_hosts_are_one_story() {
    let (out, err) = told(&[client().as_bytes(), server().as_bytes()], &["-f", "json"]);
    assert_eq!(err, "");
    validator::assert_valid("two_hosts_are_one_story", out.as_bytes());
    let steps = of_type(&out, "transition");
    let column = |name: &str| steps.iter().map(|step| step[name].clone()).collect::<Vec<_>>();
    assert_eq!(column("connection"), ["1"; 6]);
    assert_eq!(
        column("to"),
        ["SYN_SENT", "SYN_RECV", "ESTABLISHED", "ESTABLISHED", "CLOSE_WAIT", "FIN_WAIT1"]
    );
    // By the first host's clock, from the first event on either host.
    assert_eq!(column("since_first_ns"), [0, 400_000, 1_000_000, 1_400_000, 2_000_000, 2_400_000]);
    let first = steps[0]["mono_ns"].as_u64().unwrap();
    let since: Vec<_> = steps.iter().map(|step| step["mono_ns"].as_u64().unwrap() - first).collect();
    assert_eq!(since, [0, 400_000, 1_000_000, 1_400_000, 2_000_000, 2_400_000]);
    assert_ne!(steps[0]["socket"], steps[1]["socket"]);
    assert_eq!(of_type(&out, "start").len(), 2);
    let end = &of_type(&out, "end")[0];
    assert_eq!([&end["seen"], &end["shown"]], [6, 6]);

    let (page, _) = told(&[client().as_bytes(), server().as_bytes()], &[]);
    assert_eq!(page.matches("Connection #").count(), 1, "{page}");
    let (ladder, _) = told(&[server().as_bytes(), client().as_bytes()], &["-f", "ladder"]);
    assert_eq!(ladder.matches("Connection #").count(), 1, "{ladder}");
}

/// The records read ahead span an hour here: no part of a connection may be forgotten before it was emitted.
#[test]
fn two_quiet_hosts_are_one_story() {
    let quiet = |recordings: [String; 3]| {
        let shift = |(hour, text): (usize, String)| {
            let text = text.replace("T10:", &format!("T{}:", 10 + hour));
            // Without heading and end, as one trace; its clocks go on, and so do its numbers.
            let lines = text.lines().filter(|line| line.contains("\"transition\"")).map(|line| {
                let mut record: serde_json::Map<String, Value> = serde_json::from_str(line).unwrap();
                let mono = record["mono_ns"].as_u64().unwrap() + 3_600_000_000_000 * hour as u64;
                record.insert("mono_ns".into(), mono.into());
                for id in ["socket", "connection"] {
                    record.insert(id.into(), (hour + 1).to_string().into());
                }
                serde_json::to_string(&record).unwrap() + "\n"
            });
            lines.collect::<String>()
        };
        recordings.into_iter().enumerate().map(shift).collect::<String>()
    };
    let client_steps = [
        ("CLOSE", "SYN_SENT"),
        ("SYN_SENT", "ESTABLISHED"),
        ("ESTABLISHED", "FIN_WAIT1"),
        ("FIN_WAIT1", "FIN_WAIT2"),
        ("FIN_WAIT2", "TIME_WAIT"),
    ];
    let server_steps = [
        ("LISTEN", "SYN_RECV"),
        ("SYN_RECV", "ESTABLISHED"),
        ("ESTABLISHED", "CLOSE_WAIT"),
        ("CLOSE_WAIT", "LAST_ACK"),
        ("LAST_ACK", "CLOSE"),
    ];
    let from = |hour: u16| ("10.0.0.1", 40_000 + hour);
    let client =
        quiet([0, 1, 2].map(|hour| recording(1_000_000_000, 100, from(hour), SERVER, &client_steps)));
    let server =
        quiet([0, 1, 2].map(|hour| recording(77_000_000_000, 500, SERVER, from(hour), &server_steps)));
    let (out, _) = told(&[client.as_bytes(), server.as_bytes()], &["-f", "json"]);
    validator::assert_valid("two_quiet_hosts_are_one_story", out.as_bytes());
    let steps: Vec<_> = of_type(&out, "transition").iter().map(|step| step["connection"].clone()).collect();
    assert_eq!(steps, [["1"; 10], ["2"; 10], ["3"; 10]].concat());
    let summaries = of_type(&out, "connection");
    assert_eq!(summaries.len(), 3, "{out}");
    for summary in &summaries {
        assert_eq!(
            (&summary["ended"], &summary["completeness"]),
            (&"in_order".into(), &"whole".into()),
            "{summary}"
        );
        assert!(summary["time"].as_str().unwrap().starts_with("2026-"), "{summary}");
    }
}

#[test]
fn loopback_is_not_joined() {
    let (here, there) = (("127.0.0.1", 40_000), ("127.0.0.1", 80));
    let one = recording(1, 100, here, there, &[("CLOSE", "SYN_SENT")]);
    let other = recording(1, 100, there, here, &[("LISTEN", "SYN_RECV")]);
    let (out, _) = told(&[one.as_bytes(), other.as_bytes()], &["-f", "json"]);
    let steps = of_type(&out, "transition");
    assert_ne!(steps[0]["connection"], steps[1]["connection"]);
}

#[test]
fn what_is_filtered_adds_up() {
    let (out, _) = told(&[client().as_bytes()], &["-f", "json", "--state", "SYN_SENT"]);
    let end = &of_type(&out, "end")[0];
    assert_eq!([&end["seen"], &end["shown"], &end["filtered"]], [3, 2, 1]);
    let (out, _) = told(&[client().as_bytes()], &["--count", "1"]);
    assert!(out.ends_with("1 events seen = 1 shown + 0 filtered + 0 lost\n"), "{out}");
}

/// Only the end of the minisocket passes the filter.
#[test]
fn no_summary_is_without_a_date() {
    let steps = [("CLOSE", "SYN_SENT"), ("SYN_SENT", "ESTABLISHED"), ("TIME_WAIT", "CLOSE")];
    let lines = recording(1_000_000_000, 100, CLIENT, SERVER, &steps);
    let last = lines.lines().nth(3).unwrap();
    for format in [&["-f", "json"][..], &["-f", "json", "--state", "CLOSE"], &["-f", "text"]] {
        let (out, _) = told(&[last.as_bytes()], format);
        assert!(!out.contains("1970"), "{out}");
    }
    let (out, _) = told(&[last.as_bytes()], &["-f", "json"]);
    let summary = &of_type(&out, "connection")[0];
    assert_eq!(
        [&summary["time"], &summary["open"]],
        [&"2026-11-22T10:00:00.002100000Z".into(), &Value::from(false)]
    );
}

#[test]
fn what_is_damaged_is_told() {
    let whole = client();
    let lines: Vec<_> = whole.lines().collect();
    let damaged = format!("{}\n{}\nnonsense\n\0\0{}\n{}", lines[0], lines[1], lines[3], &lines[4][..60]);
    let (out, err) = told(&[damaged.as_bytes()], &["-f", "json"]);
    assert_eq!((of_type(&out, "transition").len(), of_type(&out, "end").len()), (2, 0));
    let lost = of_type(&out, "lost");
    assert_eq!(lost.iter().map(|lost| &lost["reason"]).collect::<Vec<_>>(), ["unreadable", "unreadable"]);
    for said in ["lines that could not be read: 2", "holes of NUL bytes, 2 bytes", "no end record"] {
        assert!(err.contains(said), "{err}");
    }
    validator::assert_valid("what_is_damaged_is_told", out.as_bytes());
    // With its end, the recording knows what is missing.
    let less = whole.replace(&format!("{}\n", lines[2]), "half\n");
    let end = &of_type(&told(&[less.as_bytes()], &["-f", "json"]).0, "end")[0];
    assert_eq!([&end["seen"], &end["shown"], &end["lost"]], [3, 2, 1]);
}

#[test]
fn where_nothing_can_be_read_that_is_said() {
    for (recording, said) in [(&b""[..], "it is empty"), (b"a\nb\n", "no line is a record of a trace")] {
        let output = replay(&[recording], &[]);
        assert_eq!(output.status.code(), Some(1));
        assert!(String::from_utf8(output.stderr).unwrap().contains(said));
    }
    assert_eq!(replay(&[client().as_bytes()], &["--netns", "self"]).status.code(), Some(2));
}

#[test]
fn a_recording_is_not_overwritten_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.jsonl");
    std::fs::write(&path, client()).unwrap();
    let binary = env!("CARGO_BIN_EXE_tcptrace");
    let output = Command::new(binary).arg("replay").arg(&path).arg("-o").arg(&path).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), client());
}

/// The client is in CLOSE_WAIT from 2.1 ms on, and the recording ends at 500.1 ms.
#[test]
fn sockets_that_were_stuck() {
    let limit = ["-f", "json", "--stuck", "CLOSE_WAIT=100ms"];
    let (out, err) = told(&[client().as_bytes()], &limit);
    assert_eq!(err, "");
    validator::assert_valid("sockets_that_were_stuck", out.as_bytes());
    let stuck = of_type(&out, "stuck");
    let seen: Vec<_> = stuck
        .iter()
        .map(|stuck| {
            (stuck["time"].as_str().unwrap(), stuck["for_ns"].as_u64().unwrap() / 1_000_000, &stuck["count"])
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("2026-11-22T10:00:00.102100000Z", 100, &1.into()),
            ("2026-11-22T10:00:00.202100000Z", 200, &2.into()),
            ("2026-11-22T10:00:00.402100000Z", 400, &3.into()),
        ]
    );
    assert!(stuck.iter().all(|stuck| stuck["state"] == "CLOSE_WAIT" && stuck["socket"] == "5"));
    // What was told by other limits is told by these.
    assert_eq!(told(&[out.as_bytes()], &limit).0, out);
    let (fewer, _) = told(&[out.as_bytes()], &["-f", "json", "--stuck", "300ms"]);
    assert_eq!(of_type(&fewer, "stuck").len(), 1);
    // Without limits of its own it is told as it was.
    assert_eq!(told(&[out.as_bytes()], &["-f", "json"]).0, out);
    // Of another trace in the same file nothing is known.
    let two = client() + &client().replace("10:00:00", "10:00:10").replace("\"mono_ns\":1", "\"mono_ns\":11");
    let (out, _) = told(&[two.as_bytes()], &["-f", "json", "--stuck", "CLOSE_WAIT=1s"]);
    assert_eq!(of_type(&out, "stuck").len(), 0, "{out}");
}

#[test]
fn conditions_make_it_fail() {
    let code = |recording: &str, options: &[&str]| {
        let output = replay(&[recording.as_bytes()], &[&["-f", "json"], options].concat());
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let said = |words: &str| (4, format!("tcptrace: {words}\n"));
    let compact = (0, String::new());
    assert_eq!(code(&client(), &["--fail-on", "stuck,reset,illegal,lost"]), compact);
    assert_eq!(code(&client(), &["--fail-on", "stuck", "--stuck", "100ms"]), said("sockets stuck: 1"));
    assert_eq!(code(&client(), &["--stuck", "100ms"]), compact);
    let steps = [("CLOSE", "SYN_SENT"), ("SYN_SENT", "ESTABLISHED"), ("ESTABLISHED", "CLOSE")];
    let reset = recording(1_000_000_000, 100, CLIENT, SERVER, &steps)
        .replace("\"to\":\"CLOSE\"", "\"to\":\"CLOSE\",\"context\":\"softirq\",\"cause\":\"reset_received\"");
    assert_eq!(code(&reset, &["--fail-on", "reset"]), said("connections reset: 1"));
    // What is not told does not count.
    assert_eq!(code(&reset, &["--fail-on", "reset", "--port", "81"]), compact);
    let illegal = client().replace("\"SYN_SENT\",\"to\":\"ESTABLISHED\"", "\"LISTEN\",\"to\":\"TIME_WAIT\"");
    assert_eq!(code(&illegal, &["--fail-on", "illegal"]), said("impossible steps: 1"));
    let lost = client().replace("\"seen\":3,", "\"seen\":5,").replace("\"lost\":0", "\"lost\":2");
    assert_eq!(code(&lost, &["--fail-on", "lost"]), said("events lost: 2"));
}

/// Standard input that goes on: what is there is emitted, though the last line yields no record, and the one after it is
/// half of one.
#[test]
fn nothing_is_held_back_while_the_recording_goes_on() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tcptrace"))
        .args(["replay", "-f", "json", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
    let recording = client();
    let lines: Vec<&str> = recording.lines().collect();
    let (records, summary) = (&lines[..lines.len() - 1], r#"{"v":1,"type":"connection","connection":"1"}"#);
    input.write_all(format!("{}\n{summary}\n{{\"v\":1,", records.join("\n")).as_bytes()).unwrap();
    let mut emitted = output.lines();
    // Without a flush this would wait for ever.
    let first: Vec<_> = emitted.by_ref().take(records.len()).map(Result::unwrap).collect();
    assert_eq!(first, records);
    drop(input);
    assert!(emitted.all(|line| line.unwrap().contains("\"type\":\"")));
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
