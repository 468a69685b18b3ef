//! The processes of the demo. Each of them is ended when its value goes, whatever goes wrong.

use crate::workspace;
use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::{
    io::{BufRead, BufReader, Lines},
    process::{Child, ChildStdout, Command, Stdio},
    thread::{self, JoinHandle},
};

/// A process of ours, and its output.
struct Process {
    name: &'static str,
    child: Child,
}

impl Process {
    fn start(name: &'static str, mut command: Command) -> Result<(Self, Lines<BufReader<ChildStdout>>)> {
        let mut child =
            command.stdout(Stdio::piped()).spawn().with_context(|| format!("start the {name}"))?;
        let stdout = child.stdout.take().with_context(|| format!("read what the {name} prints"))?;
        Ok((Self { name, child }, BufReader::new(stdout).lines()))
    }

    /// Sends the signal of Ctrl+C.
    fn interrupt(&self) -> Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).context("name the process")?;
        kill_process(pid, Signal::INT).with_context(|| format!("send SIGINT to the {}", self.name))
    }

    fn wait(&mut self) -> Result<std::process::ExitStatus> {
        self.child.wait().with_context(|| format!("wait for the {}", self.name))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Fails only if it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The server or the client.
pub(super) struct Actor {
    process: Process,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Actor {
    /// Starts an example and waits until it says that it is ready.
    pub(super) fn start(name: &'static str, arguments: &[&str], ready: &str) -> Result<Self> {
        let mut command = Command::new(workspace::target().join("release/examples").join(name));
        command.args(arguments);
        let (process, lines) = Process::start(name, command)?;
        let mut actor = Self { process, lines };
        actor.says(ready)?;
        Ok(actor)
    }

    /// Waits for a line that begins like this.
    pub(super) fn says(&mut self, beginning: &str) -> Result<()> {
        let name = self.process.name;
        let line =
            self.lines.next().with_context(|| format!("the {name} ended (is port 10050 in use?)"))??;
        if !line.starts_with(beginning) {
            bail!("the {name} said {line:?} instead of {beginning:?}");
        }
        Ok(())
    }

    pub(super) fn pid(&self) -> u32 {
        self.process.child.id()
    }

    /// Ends it as Ctrl+C does.
    pub(super) fn interrupt(&mut self) -> Result<()> {
        self.process.interrupt()?;
        self.process.wait().map(drop)
    }

    /// Waits until it ends by itself.
    pub(super) fn ends(&mut self) -> Result<()> {
        self.process.wait().map(drop)
    }
}

/// The tracer that writes for people.
pub(super) struct Tracer {
    process: Process,
    printed: JoinHandle<String>,
}

impl Tracer {
    /// Starts it and waits until it is attached.
    pub(super) fn start(port: &str, aloud: bool) -> Result<Self> {
        let mut command = tracer();
        command.args(["--port", port, "--netns", "self"]);
        let (process, mut lines) = Process::start("tracer", command)?;
        // The heading comes once everything is attached.
        let head = lines.next().context("the tracer ended before it was attached")??;
        let printed = thread::spawn(move || {
            let mut all = String::new();
            for line in std::iter::once(head).chain(lines.map_while(Result::ok)) {
                if aloud {
                    println!("{line}");
                }
                all.push_str(&line);
                all.push('\n');
            }
            all
        });
        Ok(Self { process, printed })
    }

    /// Ends it by Ctrl+C; returns what it printed, the report included.
    pub(super) fn interrupt(mut self) -> Result<String> {
        self.process.interrupt()?;
        let status = self.process.wait()?;
        if !status.success() {
            bail!("the tracer ended with {status}");
        }
        self.printed.join().ok().context("read what the tracer printed")
    }
}

/// The tracer that records.
pub(super) struct Recording {
    process: Process,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Recording {
    /// Starts it and waits until it is attached.
    pub(super) fn start(port: &str) -> Result<Self> {
        let mut command = tracer();
        // What it warns of, the other tracer says too.
        command.args(["--format", "json", "--port", port, "--netns", "self"]).stderr(Stdio::null());
        let (process, mut lines) = Process::start("recording tracer", command)?;
        let start = lines.next().context("the recording tracer ended before it was attached")??;
        if !start.contains("\"type\":\"start\"") {
            bail!("the recording tracer began with {start:?}");
        }
        Ok(Self { process, lines })
    }

    /// Ends it by Ctrl+C; returns what it recorded.
    pub(super) fn interrupt(&mut self) -> Result<Vec<Value>> {
        self.process.interrupt()?;
        let lines = &mut self.lines;
        lines.map(|line| serde_json::from_str(&line?).context("read a record")).collect()
    }
}

fn tracer() -> Command {
    Command::new(workspace::target().join("release/tcptrace"))
}
