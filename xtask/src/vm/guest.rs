//! The guest's programs: its first process, and the plan of the tests. What both print is read by [`summary`].
//!
//! [`summary`]: super::summary

use super::selection::Suite;
use std::{fmt::Write as _, path::Path};

/// The first process.
pub const INIT: &str = include_str!("init.sh");

/// Beginning of a line that is not a test's, but about the tests.
pub const MARK: &str = "@vm ";

/// Factor by which anything may take longer than on the machine itself.
const PATIENCE: u32 = 10;

/// A shell script: modules, what works here, then one file of tests after the other.
pub fn plan(modules: &[String], suite: &Suite, directory: &Path) -> String {
    let mut plan = String::new();
    for module in modules {
        _ = writeln!(plan, "insmod /modules/{module}");
    }
    _ = writeln!(plan, "export TCPTRACE_SKIP_LOG=/skipped TCPTRACE_TEST_PATIENCE={PATIENCE}");
    _ = writeln!(plan, "export TCPTRACE_TEST_MACHINE_IS_OURS=1 TCPTRACE_BANK_REPORT=/bank");
    _ = writeln!(plan, "cd {}", quoted(&directory.to_string_lossy()));
    let mut section = |name: &str, command: &str| {
        _ = writeln!(plan, "echo '{MARK}begin {name}'\n: >/skipped\n{command}\nstatus=$?");
        _ = writeln!(plan, "sed 's/^/{MARK}skip /' /skipped\necho \"{MARK}end {name} $status\"");
    };
    section("doctor", &format!("NO_COLOR=1 {} doctor", quoted(&suite.tracer.to_string_lossy())));
    for binary in &suite.tests {
        let mut command = quoted(&binary.path.to_string_lossy());
        command.push_str(" --exact");
        for test in &binary.tests {
            command.push(' ');
            command.push_str(&quoted(test));
        }
        section(&binary.name, &command);
    }
    _ = writeln!(plan, "[ ! -e /bank ] || cat /bank\necho '{MARK}done'");
    plan
}

/// One word to a shell.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::super::selection::Binary;
    use super::*;
    use std::process::Command;

    /// The plan is run by a shell, with a substitute for what inserts modules.
    #[test]
    fn a_shell_does_as_planned() {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("skipped");
        let suite = Suite {
            tests: vec![Binary {
                name: "kernel_a".into(),
                path: "/bin/false".into(),
                tests: vec!["it's".into()],
            }],
            programs: Vec::new(),
            tracer: "/bin/echo".into(),
        };
        let plan =
            plan(&["a.ko".into()], &suite, directory.path()).replace("/skipped", log.to_str().unwrap());
        let script = format!("insmod() {{ echo insmod $1; }}\n{plan}");
        let output = Command::new("sh").args(["-c", &script]).output().unwrap();
        assert_eq!(
            String::from_utf8(output.stdout).unwrap(),
            "insmod /modules/a.ko\n@vm begin doctor\ndoctor\n@vm end doctor 0\n@vm begin kernel_a\n@vm end kernel_a 1\n@vm done\n"
        );
        assert!(plan.contains(r"'/bin/false' --exact 'it'\''s'"), "{plan}");
    }
}
