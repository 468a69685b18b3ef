//! Several outputs of one command, without root: each by itself, and what becomes of one that cannot go on.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// A life with a step for each line, as a recording.
fn recording(steps: usize) -> String {
    let head = |kind: &str, ms: usize| {
        format!(
            "{{\"v\":1,\"type\":\"{kind}\",\"time\":\"2026-11-22T10:00:{:02}.{:03}000000Z\",\"mono_ns\":{}",
            ms / 1_000,
            ms % 1_000,
            1_000_000_000 + ms * 1_000_000
        )
    };
    let mut text =
        head("start", 0) + ",\"version\":\"0.1.0\",\"kernel\":\"6.18.0\",\"probe\":\"btf\",\"sees\":[]}\n";
    for step in 0..steps {
        let (from, to) =
            [("CLOSE", "SYN_SENT"), ("SYN_SENT", "ESTABLISHED"), ("ESTABLISHED", "CLOSE")][step % 3];
        text += &head("transition", step);
        text += &format!(
            ",\"socket\":\"{socket}\",\"connection\":\"{socket}\",\"family\":\"ipv4\",\"local\":{{\"address\":\"10.0.0.1\",\
             \"port\":{}}},\"remote\":{{\"address\":\"10.0.0.2\",\"port\":80}},\"from\":\"{from}\",\"to\":\"{to}\"}}\n",
            40_000 + step / 3,
            socket = step / 3 + 1,
        );
    }
    text + &head("end", steps) + &format!(",\"seen\":{steps},\"shown\":{steps},\"filtered\":0,\"lost\":0}}\n")
}

/// A directory with the recording `in.jsonl`.
struct Directory(tempfile::TempDir);

impl Directory {
    fn new(steps: usize) -> Self {
        let directory = Self(tempfile::tempdir().unwrap());
        fs::write(directory.path("in.jsonl"), recording(steps)).unwrap();
        directory
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tcptrace"));
        command.args(arguments).current_dir(&self.0).env("TZ", "UTC").stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn each_output_is_what_it_would_be_alone() {
    let directory = Directory::new(12);
    let together = directory.run(&[
        "replay",
        "in.jsonl",
        "--out",
        "text=-",
        "--out",
        "json=out.jsonl",
        "--out",
        "ladder=out.txt",
        "--out",
        "mermaid=out.md",
    ]);
    assert_eq!((together.status.code(), text(&together.stderr)), (Some(0), String::new()));
    let alone = |format| text(&directory.run(&["replay", "in.jsonl", "-f", format]).stdout);
    assert_eq!(text(&together.stdout), alone("text"));
    for (format, file) in [("json", "out.jsonl"), ("ladder", "out.txt"), ("mermaid", "out.md")] {
        assert_eq!(directory.read(file), alone(format), "{format}");
    }
    // `-f` and `-o` are one of them where they are given.
    let beside = directory.run(&["replay", "in.jsonl", "-f", "ladder", "--out", "json=again.jsonl"]);
    assert_eq!((text(&beside.stdout), directory.read("again.jsonl")), (alone("ladder"), alone("json")));
}

/// The same directory entry by two names, or a terminal that two formats would share.
#[test]
fn two_outputs_never_share_a_place() {
    let directory = Directory::new(3);
    for arguments in [
        &["replay", "in.jsonl", "--out", "text=-", "--out", "json=-"][..],
        &["replay", "in.jsonl", "-o", "x", "--out", "json=x"],
    ] {
        let refused = directory.run(arguments);
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}");
        assert!(text(&refused.stderr).contains("two outputs go to"), "{}", text(&refused.stderr));
        assert!(!directory.path("x").exists());
    }
}

#[test]
fn a_full_disk_is_one_output_s_own_matter() {
    let directory = Directory::new(1_500);
    let run = directory.run(&[
        "replay",
        "in.jsonl",
        "--out",
        "json=/dev/full",
        "--out",
        "text=-",
        "--report",
        "none",
    ]);
    let err = text(&run.stderr);
    assert_eq!(run.status.code(), Some(1), "{err}");
    assert!(err.contains("write to /dev/full: ") && err.contains("the other outputs go on"), "{err}");
    let lacks = err.split("/dev/full lacks ").nth(1).unwrap_or_else(|| panic!("{err}"));
    let mut numbers = lacks.split(' ').filter_map(|word| word.parse::<usize>().ok());
    let (lines, events) = (numbers.next().unwrap(), numbers.next().unwrap());
    assert!(lines > 0 && events > 0 && lines + events >= 1_500, "{err}");
    assert!(err.contains("1 of 2 outputs failed (/dev/full)"), "{err}");
    assert_eq!(text(&run.stdout), text(&directory.run(&["replay", "in.jsonl", "--report", "none"]).stdout));
}

#[test]
fn a_reader_who_goes_ends_one_output() {
    let directory = Directory::new(30_000);
    let mut command =
        directory.command(&["replay", "in.jsonl", "--out", "text=-", "--out", "json=out.jsonl"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    let err = text(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{err}");
    assert!(err.contains("write to standard output: ") && err.contains("the other outputs go on"), "{err}");
    let alone = directory.run(&["replay", "in.jsonl", "-f", "json"]);
    assert_eq!(directory.read("out.jsonl"), text(&alone.stdout));
    // Alone it is a normal end.
    let mut command = directory.command(&["replay", "in.jsonl"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), text(&ended.stderr)), (Some(0), String::new()));
}

#[test]
fn no_command_writes_over_what_it_reads() {
    let directory = Directory::new(3);
    std::os::unix::fs::symlink("in.jsonl", directory.path("same")).unwrap();
    let before = directory.read("in.jsonl");
    for arguments in [
        &["replay", "in.jsonl", "-o", "in.jsonl"][..],
        &["replay", "in.jsonl", "-f", "json", "-o", "same"],
        &["replay", "in.jsonl", "--out", "text=-", "--out", "json=in.jsonl"],
        &["diagram", "in.jsonl", "-o", "in.jsonl"],
        &["diagram", "same", "-o", "in.jsonl"],
    ] {
        let refused = directory.run(arguments);
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}");
        assert_eq!(directory.read("in.jsonl"), before, "{arguments:?}");
    }
}

/// One that cannot be opened costs the others nothing.
#[test]
fn all_outputs_or_none() {
    let directory = Directory::new(3);
    fs::write(directory.path("old.jsonl"), "evidence\n").unwrap();
    let refused =
        directory.run(&["replay", "in.jsonl", "--out", "json=old.jsonl", "--out", "text=no/such/place"]);
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(directory.read("old.jsonl"), "evidence\n");
}

#[test]
fn a_diagram_is_of_a_recording() {
    let directory = Directory::new(3);
    fs::write(directory.path("text"), "root:x:0:0:root:/root:/bin/bash\n").unwrap();
    for (file, says) in [("text", "no line is a record"), ("/dev/null", "it is empty")] {
        let refused = directory.run(&["diagram", file, "-o", "out.svg"]);
        assert_eq!(refused.status.code(), Some(1), "{file}");
        assert!(text(&refused.stderr).contains(says), "{}", text(&refused.stderr));
        assert!(!Path::new(&directory.path("out.svg")).exists());
    }
}

#[test]
fn an_empty_value_is_refused() {
    let directory = Directory::new(3);
    for option in ["--comm", "--netns", "--container", "--cgroup", "--uid", "--pid", "--addr", "--port"] {
        for command in [&["replay", "in.jsonl"][..], &["list"], &[]] {
            let refused = directory.run(&[command, &[option, ""]].concat());
            assert_eq!(refused.status.code(), Some(2), "{command:?} {option}: {}", text(&refused.stderr));
        }
    }
}
