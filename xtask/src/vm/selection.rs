//! The tests that are run: what cargo builds of `tcptrace/tests/kernel_*.rs`, asked for the names in it.

use crate::{child, workspace};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::{path::PathBuf, process::Command};

/// Programs that are taken along into a guest.
pub struct Suite {
    pub tests: Vec<Binary>,
    /// The tracer and the examples, which the tests find where cargo built them.
    pub programs: Vec<PathBuf>,
    /// The tracer alone.
    pub tracer: PathBuf,
}

/// A file of tests and those of its tests that were asked for.
pub struct Binary {
    pub name: String,
    pub path: PathBuf,
    pub tests: Vec<String>,
}

impl Suite {
    /// All tests, as `file::name`.
    pub fn names(&self) -> Vec<String> {
        let of = |binary: &Binary| -> Vec<String> {
            binary.tests.iter().map(|test| format!("{}::{test}", binary.name)).collect()
        };
        self.tests.iter().flat_map(of).collect()
    }
}

/// Builds the tests and takes those whose `file::name` contains one of the filters; without filters all.
pub fn build(filters: &[String]) -> Result<Suite> {
    eprintln!("== building the tests");
    let package =
        ["--package", "tcptrace", "--profile", "emulated", "--message-format", "json-render-diagnostics"];
    let mut tests = workspace::cargo("test");
    tests.args(package).args(["--no-run", "--test", "kernel_*"]);
    let mut others = workspace::cargo("build");
    others.args(package).args(["--bins", "--examples"]);

    let mut suite = Suite { tests: Vec::new(), programs: Vec::new(), tracer: PathBuf::new() };
    for artifact in artifacts(&built(&mut tests)?).filter(|artifact| artifact.kind == "test") {
        let listed = child::output(Command::new(&artifact.path).args(["--list", "--format", "terse"]))?;
        let tests = chosen(&artifact.name, &listed, filters);
        if !tests.is_empty() {
            suite.tests.push(Binary { name: artifact.name, path: artifact.path, tests });
        }
    }
    if let Some(filter) = in_vain(&suite.names(), filters) {
        bail!("choose tests: none in tcptrace/tests/kernel_* contains {filter:?}");
    }
    suite.tests.sort_by(|a, b| a.name.cmp(&b.name));
    for artifact in artifacts(&built(&mut others)?) {
        if artifact.kind == "bin" {
            suite.tracer.clone_from(&artifact.path);
        }
        suite.programs.push(artifact.path);
    }
    Ok(suite)
}

/// Messages of cargo about what it built; its complaints are for who runs this.
fn built(cargo: &mut Command) -> Result<String> {
    let output = cargo.stderr(std::process::Stdio::inherit()).output().context("start cargo")?;
    if !output.status.success() {
        bail!("build the tests: cargo failed ({})", output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

struct Artifact {
    kind: String,
    name: String,
    path: PathBuf,
}

/// The programs among cargo's messages, one JSON object a line.
fn artifacts(messages: &str) -> impl Iterator<Item = Artifact> {
    messages.lines().filter_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        Some(Artifact {
            kind: message["target"]["kind"][0].as_str()?.to_owned(),
            name: message["target"]["name"].as_str()?.to_owned(),
            path: message["executable"].as_str()?.into(),
        })
    })
}

/// The names in `NAME: test` lines that fit. What actors run is listed as a test, but is none.
fn chosen(file: &str, listed: &str, filters: &[String]) -> Vec<String> {
    let names = listed.lines().filter_map(|line| line.strip_suffix(": test"));
    names
        .filter(|name| !name.starts_with("harness::"))
        .filter(|name| {
            filters.is_empty() || filters.iter().any(|part| format!("{file}::{name}").contains(part))
        })
        .map(str::to_owned)
        .collect()
}

/// The first filter that no name contains: a test that was renamed should not go missing quietly.
fn in_vain<'a>(names: &[String], filters: &'a [String]) -> Option<&'a String> {
    filters.iter().find(|filter| !names.iter().any(|name| name.contains(filter.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTED: &str = "close_ends_it: test\nharness::actor::act: test\nopen: benchmark\nreset: test\n\n";

    #[test]
    fn a_filter_is_a_part_of_the_name_with_its_file() {
        let choose = |filters: &[&str]| {
            chosen("kernel_open", LISTED, &filters.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(choose(&[]), ["close_ends_it", "reset"]);
        assert_eq!(choose(&["open::"]), ["close_ends_it", "reset"]);
        assert_eq!(choose(&["::reset", "nothing"]), ["reset"]);
        assert!(choose(&["kernel_bank", "act"]).is_empty());
    }

    #[test]
    fn a_filter_without_a_test_is_told() {
        let names = ["kernel_open::ipv6".to_owned()];
        let filters = ["open::".to_owned(), "ipv4".to_owned()];
        assert_eq!(in_vain(&names, &filters), Some(&filters[1]));
        assert_eq!(in_vain(&names, &filters[..1]), None);
    }

    #[test]
    fn artifacts_are_what_has_an_executable() {
        let messages = r#"{"reason":"compiler-artifact","target":{"kind":["lib"],"name":"a"},"executable":null}
{"reason":"compiler-artifact","target":{"kind":["test"],"name":"kernel_a"},"executable":"/t/kernel_a-1"}
not JSON
{"reason":"build-finished","success":true}"#;
        let found: Vec<_> = artifacts(messages).map(|found| (found.kind, found.name, found.path)).collect();
        assert_eq!(found, [("test".to_owned(), "kernel_a".to_owned(), "/t/kernel_a-1".into())]);
    }
}
