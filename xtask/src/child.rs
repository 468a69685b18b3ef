//! Other programs: runs them, and names the one that fails.

use anyhow::{Context, Result, bail};
use std::{iter::once, process::Command};

/// The command, to be run by `env`: SIGHUP and SIGINT end what it starts, even where whoever started this program ignores
/// them. `nohup` and a shell's `&` do, children inherit it, and a test that sends one would wait in vain.
pub fn ended_by_signals(command: &Command) -> Command {
    let mut by_env = Command::new("env");
    by_env.arg("--default-signal=HUP,INT").arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => by_env.env(name, value),
            None => by_env.env_remove(name),
        };
    }
    by_env
}

/// Runs the command with this process's own input and output; fails when it does.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("start `{}`", line(command)))?;
    if !status.success() {
        bail!("`{}` failed ({status})", line(command));
    }
    Ok(())
}

/// Standard output of the command; fails when the command does.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("start `{}`", line(command)))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`{}` failed ({}): {}", line(command), output.status, said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The command as one would type it, without its environment.
fn line(command: &Command) -> String {
    let words = once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_command_and_what_it_said() {
        let error = output(Command::new("sh").args(["-c", "echo why >&2; exit 3"])).unwrap_err().to_string();
        assert!(
            error.contains("sh -c") && error.contains("exit status: 3") && error.ends_with(": why"),
            "{error}"
        );
    }

    #[test]
    fn what_it_starts_does_not_ignore_signals() {
        let grandchild =
            ended_by_signals(Command::new("sh").args(["-c", "kill -INT $$; echo $WORD"]).env("WORD", "on"));
        let of_grandchild: Vec<_> = grandchild.get_args().chain([grandchild.get_program()]).collect();
        // The shell ignores SIGINT, and what it starts inherits that.
        let ignoring = |rest: &[&std::ffi::OsStr]| {
            Command::new("sh")
                .args(["-c", "trap '' INT; \"$@\"", "sh"])
                .args(rest)
                .env("WORD", "on")
                .output()
                .unwrap()
        };
        let (arguments, env) = of_grandchild.split_at(of_grandchild.len() - 1);
        assert_eq!(ignoring(&[env, arguments].concat()).stdout, b"");
        assert_eq!(ignoring(&arguments[1..]).stdout, b"on\n");
        assert!(grandchild.get_envs().any(|(name, value)| name == "WORD" && value == Some("on".as_ref())));
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = run(&mut Command::new("no-such-program-here")).unwrap_err().to_string();
        assert_eq!(error, "start `no-such-program-here`");
    }
}
