//! Where user space is `unsafe`, against the list in `ARCHITECTURE.md`: a new place needs a reason there.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::{collections::BTreeMap, fs, path::Path};

/// Counts the lines of code that say `unsafe`, by file.
fn found(directory: &Path, root: &Path, into: &mut BTreeMap<String, usize>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found(&path, root, into);
            continue;
        }
        let text = fs::read_to_string(&path).unwrap_or_default();
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let count = code
            .filter(|line| line.split(|c: char| !c.is_alphanumeric()).any(|word| word == "unsafe"))
            .count();
        if count > 0 {
            into.insert(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned(), count);
        }
    }
}

#[test]
fn every_unsafe_place_has_a_reason() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut places = BTreeMap::new();
    found(&package.join("src"), &package.join("src"), &mut places);
    let text = fs::read_to_string(package.join("../ARCHITECTURE.md")).unwrap();
    let (_, section) = text.split_once("## Unsafe code in user space").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let row = |line: &str| {
        let cells: Vec<_> = line.strip_prefix("| `")?.split('|').map(str::trim).collect();
        let [file, count, why, ..] = cells[..] else { return None };
        assert!(why.len() > 10, "{line}");
        Some((file.trim_end_matches('`').to_owned(), count.parse().ok()?))
    };
    let listed: BTreeMap<String, usize> = section.lines().filter_map(row).collect();
    assert_eq!(places, listed, "left: in the code; right: in ARCHITECTURE.md");
}
