//! The places in this workspace, and the cargo and the privileges that chores run with.

use anyhow::{Context, Result, bail};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The directory with the workspace's `Cargo.toml`.
pub fn root() -> PathBuf {
    // Cargo sets the variable when it runs xtask; the built-in path is for a binary that was started by hand.
    let manifest = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    Path::new(&manifest).parent().map(Path::to_path_buf).unwrap_or_default()
}

/// Directory of builds.
pub fn target() -> PathBuf {
    root().join(env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}

/// Cargo's own directory: downloaded sources, installed programs.
pub fn cargo_home() -> Result<PathBuf> {
    match (env::var_os("CARGO_HOME"), env::home_dir()) {
        (Some(directory), _) => Ok(directory.into()),
        (None, Some(home)) => Ok(home.join(".cargo")),
        (None, None) => bail!("find cargo's directory: set HOME or CARGO_HOME"),
    }
}

/// The cargo that runs this xtask, working on this workspace from wherever it was called.
pub fn cargo(subcommand: &str) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.arg(subcommand).arg("--manifest-path").arg(root().join("Cargo.toml"));
    command
}

/// Whether this process is root.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Variables of this environment that a program started as root still gets.
const KEEP: [&str; 4] = ["PATH", "CI", "RUST_BACKTRACE", "TCPTRACE_BPF_OBJECT"];

/// Makes cargo start what it built as root: nothing to do for root, through `sudo` for everybody else.
///
/// sudo clears the environment, so what was set on the command before this call is handed through, and [`KEEP`].
pub fn as_root(command: &mut Command) -> Result<()> {
    if is_root() {
        return Ok(());
    }
    find_program("sudo", None).context("tracing needs root: run this as root, or install sudo")?;
    let kept = KEEP.iter().filter_map(|name| Some(format!("{name}={}", env::var(name).ok()?)));
    let set = command
        .get_envs()
        .filter_map(|(name, value)| Some(format!("{}={}", name.to_string_lossy(), value?.to_string_lossy())));
    let runner = runner(kept.chain(set));
    command.arg("--config").arg(runner);
    Ok(())
}

/// The cargo setting that puts `sudo env NAME=VALUE…` in front of what cargo runs.
fn runner(variables: impl Iterator<Item = String>) -> String {
    // Debug formatting of a string is a valid TOML basic string for everything that may stand in a path.
    let words: Vec<String> = ["sudo", "env"].map(String::from).into_iter().chain(variables).collect();
    format!("target.\"cfg(all())\".runner={words:?}")
}

/// The sorted file stems in a directory of those entries that are wanted.
pub fn stems(directory: &Path, is_wanted: impl Fn(&Path) -> bool) -> Result<Vec<String>> {
    let list = || format!("list {}", directory.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).with_context(list)? {
        let path = entry.with_context(list)?.path();
        if let (true, Some(name)) = (is_wanted(&path), path.file_stem()) {
            names.push(name.to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// Looks a program up on `PATH`, then in one more directory.
pub fn find_program(name: &str, also_in: Option<&Path>) -> Result<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(also_in.map(Path::to_path_buf))
        .map(|directory| directory.join(name))
        .find(|candidate| candidate.is_file())
        .with_context(|| format!("find `{name}`: it is not on PATH"))
}

#[cfg(test)]
mod tests {
    use super::runner;

    #[test]
    fn the_runner_is_one_toml_array_whatever_a_path_contains() {
        let variables = ["A=1".to_owned(), r#"B=a "b" \c"#.to_owned()];
        assert_eq!(
            runner(variables.into_iter()),
            r#"target."cfg(all())".runner=["sudo", "env", "A=1", "B=a \"b\" \\c"]"#
        );
    }
}
