//! Keeps the README's output true: plays its scenes and compares, with times, pids and ports made equal.

use super::{Scene, play};
use crate::workspace;
use anyhow::{Context, Result, bail};
use std::fs;

/// Fails if the README shows anything but what the demo prints today.
pub(super) fn check() -> Result<()> {
    let path = workspace::root().join("README.md");
    let readme = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    let shown = shown(&readme).context("README.md: find the block after `cargo xtask demo server-exits`")?;
    let played = play(Scene::ServerExits, false)?;
    let printed = format!("{}\n{}\n", played.timeline, played.paragraph);
    let (expected, actual) = (normal(&shown), normal(&printed));
    if expected != actual {
        bail!(
            "README.md shows what the demo no longer prints.\n--- README\n{expected}\n--- demo\n{actual}\n\
             --- to copy\n{printed}"
        );
    }
    Ok(())
}

/// What the README shows below the command.
fn shown(readme: &str) -> Option<String> {
    let block = readme.split("```console\n$ cargo xtask demo server-exits\n").nth(1)?;
    Some(block.split("```").next()?.to_owned())
}

/// The text without what differs from run to run: every number becomes `N`, every run of spaces one.
fn normal(text: &str) -> String {
    let mut result = String::new();
    for line in text.trim().lines() {
        let words: Vec<String> = line.split_whitespace().map(word).collect();
        result
            .push_str(&words.join(" ").replace("N ns", "N s").replace("N µs", "N s").replace("N ms", "N s"));
        result.push('\n');
    }
    result
}

/// A word whose numbers are made equal; names with digits of their own keep them.
fn word(word: &str) -> String {
    const NAMES: [&str; 4] = ["FIN_WAIT1", "FIN_WAIT2", "127.0.0.1:10050", "10050"];
    if let Some(name) = NAMES.iter().find(|name| word.contains(**name)) {
        return (*name).to_owned();
    }
    let mut result = String::new();
    for c in word.chars() {
        match c {
            '0'..='9' | '.' if result.ends_with('N') => {}
            '0'..='9' => result.push('N'),
            c => result.push(c),
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_from_run_to_run_is_made_equal() {
        let one =
            "12:05:27.659091 #1  +45 µs 127.0.0.1:10050 127.0.0.1:57628  FIN_WAIT1 → FIN_WAIT2 2502/server";
        let two =
            "09:00:00.000001 #1 +1.2 ms 127.0.0.1:10050 127.0.0.1:40000  FIN_WAIT1 → FIN_WAIT2 7/server";
        assert_eq!(normal(one), normal(two));
        assert_ne!(normal(one), normal(&two.replace("FIN_WAIT2", "CLOSING")));
        assert_ne!(normal(one), normal(&two.replace("server", "client")));
    }
}
