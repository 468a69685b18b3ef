//! The ladder in the README is the one that a recording of that connection gives.

use std::process::Command;

#[test]
fn the_readme_shows_a_ladder_as_it_is_printed() {
    let readme = include_str!("../../README.md");
    let (_, ladder) = readme.split_once("```text\nConnection #1").unwrap();
    let (ladder, _) = ladder.split_once("```").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_tcptrace"))
        .args(["replay", "--format", "ladder"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/readme/ladder.jsonl"))
        .env("TZ", "UTC")
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.contains(&format!("Connection #1{ladder}")), "{printed}");
}
