//! The shape of the sources: each file says its idea first, files and functions are short, and each doc comment names its
//! subject.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::{
    fs,
    path::{Path, PathBuf},
};

const LONGEST_FILE: usize = 400;
const LONGEST_FUNCTION: usize = 60;

/// First words that name no subject.
const NO_SUBJECT: [&str; 7] = ["It", "That", "So", "Of", "By", "What", "Whose"];

/// Functions that are longer than they should be. The list may only shrink.
const LONG_FUNCTIONS: &[(&str, &str)] = &[
    ("tcptrace-ebpf/src/programs/btf.rs", "report"),
    ("tcptrace-ebpf/src/programs/classic.rs", "report"),
    ("tcptrace/src/render/text.rs", "record"),
    ("tcptrace/src/tracker/tests/repair.rs", "a_dump_makes_good_what_was_lost"),
    ("tcptrace/tests/harness/commands.rs", "execute"),
    ("tcptrace/tests/kernel_bank/play.rs", "line"),
    ("tcptrace/tests/kernel_before.rs", "they_are_told_once_and_keep_their_owners"),
    ("tcptrace/tests/kernel_cgroup.rs", "a_container_by_its_cgroup"),
    ("tcptrace/tests/kernel_filter.rs", "each_tells_what_it_was_asked_for"),
    ("tcptrace/tests/kernel_flood.rs", "every_event_is_accounted_for"),
    ("tcptrace/tests/kernel_snapshot.rs", "every_socket_is_as_ss_has_it"),
    ("tcptrace/tests/schema/records.rs", "records"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Path from the workspace's root and text of every source in the workspace.
fn sources() -> Vec<(String, String)> {
    let mut directories = ["tcptrace", "tcptrace-ebpf", "xtask"].map(|name| root().join(name)).to_vec();
    let mut sources = Vec::new();
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.extend(Some(path).filter(|path| !path.ends_with("target")));
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
                sources.push((name, fs::read_to_string(path).unwrap()));
            }
        }
    }
    assert!(sources.len() > 100, "the sources are not where they were");
    sources
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// Name of the function that a line begins to declare.
fn declared(line: &str) -> Option<&str> {
    let (before, after) = line.trim_start().split_once("fn ")?;
    let is_qualifier = |word: &str| {
        matches!(word, "pub" | "const" | "async" | "unsafe" | "extern" | "\"C\"") || word.starts_with("pub(")
    };
    let name = after.split(|c: char| !c.is_alphanumeric() && c != '_').next()?;
    (!name.is_empty() && before.split_whitespace().all(is_qualifier)).then_some(name)
}

/// Number of lines in a function's body, where a match or a table that ends it counts as one.
fn length(body: &[&str]) -> usize {
    let Some((last, before)) = body.split_last() else { return 0 };
    let opener = before.iter().rposition(|line| !line.is_empty() && indentation(line) == indentation(last));
    let is_closer = last.trim_start().starts_with(['}', ']', ')']);
    match opener {
        Some(opener) if is_closer && is_table(body[opener]) => opener + 1,
        _ => body.len(),
    }
}

fn is_table(opener: &str) -> bool {
    let opener = opener.trim();
    opener.split([' ', '(']).any(|word| word == "match")
        || opener.ends_with("Self {")
        || opener.ends_with('[')
}

/// Functions of a file with a body of more than [`LONGEST_FUNCTION`] lines: name and length. rustfmt puts the closing brace
/// at the indentation of `fn`.
fn long_functions(text: &str) -> Vec<(String, usize)> {
    let lines: Vec<_> = text.lines().collect();
    let mut long = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Some(name) = declared(line) else { continue };
        let rest = &lines[at..];
        let outer = |line: &&str| indentation(line) == indentation(rest[0]);
        let Some(open) = rest.iter().position(|line| line.ends_with('{')) else { continue };
        // One line, or a declaration without a body.
        if rest[..=open].iter().any(|line| line.ends_with(';') || outer(line) && line.ends_with('}')) {
            continue;
        }
        let body = &rest[open + 1..];
        let close =
            body.iter().position(|line| outer(line) && *line == format!("{}}}", &line[..indentation(line)]));
        let length = length(&body[..close.unwrap_or(body.len())]);
        if length > LONGEST_FUNCTION {
            long.push((name.to_owned(), length));
        }
    }
    long
}

/// Doc comments whose first word is none that could be their subject.
fn unnamed(text: &str) -> usize {
    let lines = || text.lines().map(str::trim_start);
    let begins = |(before, line): (&str, &str)| {
        let sentence = line.strip_prefix("/// ").filter(|_| !before.starts_with("///"))?;
        sentence.split(|c: char| !c.is_alphanumeric()).next().map(|word| NO_SUBJECT.contains(&word))
    };
    std::iter::once("").chain(lines()).zip(lines()).filter_map(begins).filter(|unnamed| *unnamed).count()
}

#[test]
fn every_file_opens_with_its_idea_and_is_short() {
    for (name, text) in sources() {
        assert!(text.starts_with("//! "), "{name} does not open with a `//!` line that says its idea");
        let count = text.lines().count();
        assert!(count <= LONGEST_FILE, "{name} has {count} lines: {LONGEST_FILE} are enough");
    }
}

#[test]
fn every_function_is_short() {
    let mut long = Vec::new();
    for (file, text) in sources() {
        long.extend(
            long_functions(&text)
                .into_iter()
                .filter(|(name, _)| !LONG_FUNCTIONS.contains(&(&file, name)))
                .map(|(name, length)| format!("{file}: {name} has {length} lines")),
        );
    }
    long.sort();
    assert!(long.is_empty(), "{LONGEST_FUNCTION} lines are enough:\n{}", long.join("\n"));
}

#[test]
fn every_doc_comment_names_its_subject() {
    let mut unnamed: Vec<_> = sources()
        .into_iter()
        .map(|(file, text)| (file, unnamed(&text)))
        .filter(|(_, count)| *count > 0)
        .map(|(file, count)| format!("{file}: {count}"))
        .collect();
    unnamed.sort();
    assert!(
        unnamed.is_empty(),
        "doc comments that begin with one of {NO_SUBJECT:?}:\n{}",
        unnamed.join("\n")
    );
}

#[test]
fn the_rules_see_what_breaks_them() {
    let function = |head: &str, body: &str| format!("impl X {{\n    {head} {{\n{body}    }}\n}}\n");
    let steps = "        step();\n".repeat(LONGEST_FUNCTION + 1);
    let long = |text: &str| long_functions(text).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(long(&function("pub(crate) async fn too_long()", &steps)), ["too_long"]);
    assert_eq!(long(&function("fn enough()", &steps["        step();\n".len()..])), [""; 0]);
    assert_eq!(long(&format!("fn without_body();\nfn one_line() {{}}\n{}", function("fn f()", ""))), [""; 0]);
    let arms = "            x => y,\n".repeat(LONGEST_FUNCTION);
    assert_eq!(
        long(&function("fn table()", &format!("        Ok(match x {{\n{arms}        }})\n"))),
        [""; 0]
    );
    assert_eq!(
        long(&function("fn steps()", &format!("        for x in y {{\n{arms}        }}\n"))),
        ["steps"]
    );
    assert_eq!(unnamed("/// It is.\n/// That too.\nfn f() {}\n    /// What is.\nx\n/// Items.\n"), 2);
    assert_eq!(unnamed("x,\n    /// What is.\n    a,\n    /// Ports.\n    b,\n"), 1);
}
