//! Keeps the README's output true: plays its scenes and compares, with times, pids and ports made equal.

use super::{Scene, play};
use crate::workspace;
use anyhow::{Context, Result, bail};
use std::{fs, ops::Range};

/// Task for the README: check or renew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Readme {
    /// Fail if it shows anything but what the demo prints today
    Check,
    /// Write what the demo prints today into it
    Update,
}

/// Plays the README's scene and compares, or writes it down.
pub(super) fn keep(readme: Readme) -> Result<()> {
    let path = workspace::root().join("README.md");
    let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    let shown = shown(&text).context("README.md: find the block after `cargo xtask demo server-exits`")?;
    let played = play(Scene::ServerExits, false)?;
    let printed = format!("{}\n{}\n", played.timeline, played.paragraph);
    if readme == Readme::Update {
        let (before, after) = (&text[..shown.start], &text[shown.end..]);
        return fs::write(&path, format!("{before}{printed}{after}"))
            .with_context(|| format!("write {}", path.display()));
    }
    let (expected, actual) = (normal(&text[shown]), normal(&printed));
    if expected != actual {
        bail!(
            "README.md shows what the demo no longer prints (`cargo xtask demo --readme update` mends it)\n\
             --- README\n{expected}\n--- demo\n{actual}"
        );
    }
    Ok(())
}

/// Part of the README that shows what the command prints.
fn shown(readme: &str) -> Option<Range<usize>> {
    const COMMAND: &str = "```console\n$ cargo xtask demo server-exits\n";
    let start = readme.find(COMMAND)? + COMMAND.len();
    Some(start..start + readme[start..].find("```")?)
}

/// The text without what differs from run to run: every number becomes `N`, every run of spaces one, and the paragraph
/// one line, because the numbers in it move its line breaks.
fn normal(text: &str) -> String {
    let mut result = String::new();
    let (lines, paragraph) = text.split_once("What happened:").unwrap_or((text, ""));
    let paragraph = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
    // When the listener is closed among the other steps is the scheduler's choice. A line that waited for its socket's
    // name is printed later than it happened.
    let (listener, mut others): (Vec<_>, Vec<_>) =
        lines.trim().lines().partition(|line| line.contains(" *:* "));
    for run in others.chunk_by_mut(|one, next| has_time(one) && has_time(next)) {
        run.sort_by_key(|line| line.get(..TIME));
    }
    for line in listener.into_iter().chain(others).chain([paragraph.as_str()]) {
        let words: Vec<String> = line.split_whitespace().map(word).collect();
        result
            .push_str(&words.join(" ").replace("N ns", "N s").replace("N µs", "N s").replace("N ms", "N s"));
        result.push('\n');
    }
    result
}

/// `12:05:27.659091`
const TIME: usize = 15;

/// Whether the line begins with a time of day.
fn has_time(line: &str) -> bool {
    line.get(..TIME)
        .is_some_and(|time| time.bytes().all(|byte| byte.is_ascii_digit() || b":.".contains(&byte)))
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
