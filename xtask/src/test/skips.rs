//! Which tests were skipped, why, and whether they may be.

use crate::workspace;
use anyhow::{Context, Result, bail};
use std::{
    collections::BTreeSet,
    env,
    fs::{self, OpenOptions},
    io::Write as _,
    path::Path,
};

/// Makes the log, empty, so that it belongs to this user even if a test appends to it as root.
pub fn start(log: &Path) -> Result<()> {
    let directory = log.parent().unwrap_or(log);
    fs::create_dir_all(directory)
        .and_then(|()| fs::write(log, ""))
        .with_context(|| format!("make the list of skipped tests {}", log.display()))
}

/// Adds a test that cannot be tried here, with the reason.
pub fn add(log: &Path, test: &str, reason: &str) -> Result<()> {
    let append =
        || OpenOptions::new().append(true).open(log)?.write_all(format!("{test}: {reason}\n").as_bytes());
    append().with_context(|| format!("write the list of skipped tests {}", log.display()))
}

/// Lists the skipped tests; fails under CI if one of them is not in `tcptrace/tests/skippable.txt`.
pub fn report(log: &Path) -> Result<()> {
    // A test may quote bytes from outside as its reason.
    let log = fs::read(log).with_context(|| format!("read the list of skipped tests {}", log.display()))?;
    let log = String::from_utf8_lossy(&log);
    let skipped = parse_log(&log);
    eprintln!("== skipped tests: {}", skipped.len());
    for (test, reason) in &skipped {
        eprintln!("SKIP {test}: {}", reason.escape_debug());
    }

    let list = workspace::root().join("tcptrace/tests/skippable.txt");
    let may_skip = match fs::read_to_string(&list) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error).with_context(|| format!("read {}", list.display())),
    };
    let unexpected = not_allowed(&skipped, &may_skip);
    if !unexpected.is_empty() && env::var("CI").is_ok_and(|ci| ci == "true" || ci == "1") {
        let names = unexpected.join(", ");
        bail!("skipped, but not named in tcptrace/tests/skippable.txt: {names}");
    }
    Ok(())
}

/// The pairs of test and reason, each once, in the order of their names: tests run side by side.
fn parse_log(log: &str) -> BTreeSet<(&str, &str)> {
    log.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        // With the space, because a path like `module::test` has colons too.
        .map(|line| line.split_once(": ").unwrap_or((line, "no reason given")))
        .collect()
}

/// The skipped tests that the list (a name per line, `#` before a comment) does not name.
fn not_allowed<'log>(skipped: &BTreeSet<(&'log str, &str)>, list: &str) -> Vec<&'log str> {
    let allowed: BTreeSet<&str> =
        list.lines().map(|line| line.split('#').next().unwrap_or_default().trim()).collect();
    let tests: BTreeSet<&str> = skipped.iter().map(|(test, _)| *test).collect();
    tests.into_iter().filter(|test| !allowed.contains(test)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
kernel::attach: no BTF: /sys/kernel/btf/vmlinux is missing
abort: ss cannot kill sockets

abort: ss cannot kill sockets
nameless
";

    #[test]
    fn a_skip_is_a_name_and_a_reason_and_counts_once() {
        assert_eq!(
            parse_log(LOG).into_iter().collect::<Vec<_>>(),
            [
                ("abort", "ss cannot kill sockets"),
                ("kernel::attach", "no BTF: /sys/kernel/btf/vmlinux is missing"),
                ("nameless", "no reason given"),
            ]
        );
    }

    #[test]
    fn only_a_whole_name_outside_a_comment_allows_a_skip() {
        let skipped = parse_log(LOG);
        let list =
            "# nameless: only a comment\nabort # kernels without CONFIG_INET_DIAG_DESTROY\nkernel::att\n";
        assert_eq!(not_allowed(&skipped, list), ["kernel::attach", "nameless"]);
        assert_eq!(not_allowed(&skipped, ""), ["abort", "kernel::attach", "nameless"]);
        assert!(not_allowed(&parse_log("\n"), "").is_empty());
    }
}
