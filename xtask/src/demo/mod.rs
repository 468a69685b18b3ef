//! `cargo xtask demo`: the article's experiment, with the tracer beside it.
//!
//! Two tracers watch: one writes the timeline for people, the other records. The paragraph at the end is made from the
//! recording, and only if the recording shows what the scene is about.
//!
//! All of it happens in a network namespace of its own: port 10050 is free there, and nothing is left from last time.

mod cast;
mod readme;
mod story;

use crate::{child, workspace};
use anyhow::{Context, Result, bail};
use cast::{Actor, Recording, Tracer};
use readme::Readme;
use rustix::thread::{UnshareFlags, unshare_unsafe};
use std::{os::unix::process::CommandExt, process::Command, thread, time::Duration};
use story::Facts;

/// Trace the article's server and client while one of them is ended, and say what happened
#[derive(clap::Args)]
pub struct Options {
    /// Who is ended
    #[arg(value_enum, default_value_t)]
    scene: Scene,
    /// Play the README's scene for the README, and print nothing
    #[arg(long, value_enum)]
    readme: Option<Readme>,
    /// Everything is built
    #[arg(long, hide = true)]
    built: bool,
}

/// The three experiments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Scene {
    /// The client closes its connection, and the server, which waits for that, closes too
    #[default]
    Normal,
    /// Ctrl+C on the server; the client stays
    ServerExits,
    /// Ctrl+C on the client; the server stays
    ClientExits,
}

/// The article's port.
const PORT: &str = "10050";
/// Time in which the connection is open and nothing happens.
const OPEN: Duration = Duration::from_millis(500);
/// Time in which what is left of it can be seen: more than the 40 ms of a delayed ACK.
const AFTERWARDS: Duration = Duration::from_millis(1000);

/// Builds, becomes root, plays the scene and reports what happened.
pub fn main(options: Options) -> Result<()> {
    if !options.built {
        build()?;
    }
    if !workspace::is_root() {
        let scene = clap::ValueEnum::to_possible_value(&options.scene).context("name the scene")?;
        let readme = options.readme.and_then(|readme| clap::ValueEnum::to_possible_value(&readme));
        let readme = readme.map(|value| format!("--readme={}", value.get_name()));
        let arguments = [scene.get_name()].into_iter().chain(readme.as_deref());
        return Err(as_root(arguments)?.exec()).context("start cargo");
    }
    if let Some(readme) = options.readme {
        return readme::keep(readme);
    }
    let played = play(options.scene, true)?;
    println!("\n{}", played.paragraph);
    Ok(())
}

/// The README's check as a step of `cargo xtask test`; what it runs is built here.
pub fn readme_step() -> Result<Command> {
    build()?;
    as_root(["--readme=check"].into_iter())
}

/// This program again, as root, with everything built.
fn as_root<'a>(arguments: impl Iterator<Item = &'a str>) -> Result<Command> {
    let mut command = workspace::cargo("run");
    command.args(["--quiet", "--package", "xtask"]);
    workspace::as_root(&mut command)?;
    command.args(["--", "demo", "--built"]).args(arguments);
    Ok(command)
}

/// Output of a scene.
pub struct Played {
    /// Standard output of the tracer.
    pub timeline: String,
    /// The paragraph about what happened.
    pub paragraph: String,
}

fn build() -> Result<()> {
    let mut command = workspace::cargo("build");
    command.args(["--quiet", "--release", "--package", "tcptrace", "--bins", "--examples"]);
    child::run(&mut command)
}

/// The loopback interface of a new namespace is down at first.
fn enter_own_namespace() -> Result<()> {
    // SAFETY: only the network namespace changes; no file descriptors or memory are unshared.
    unsafe { unshare_unsafe(UnshareFlags::NEWNET) }.context("make a network namespace for the demo")?;
    child::run(Command::new("ip").args(["link", "set", "lo", "up"]))
}

/// Plays one scene; with `aloud` the timeline appears as it comes.
pub fn play(scene: Scene, aloud: bool) -> Result<Played> {
    enter_own_namespace()?;
    let mut recording = Recording::start(PORT)?;
    let tracer = Tracer::start(PORT, aloud)?;
    let polite: &[&str] = if scene == Scene::Normal { &[PORT, "--polite"] } else { &[PORT] };
    let mut server = Actor::start("server", polite, "listening")?;
    let patience = OPEN.as_millis().to_string();
    let client_args: &[&str] = if scene == Scene::Normal { &[PORT, &patience] } else { &[PORT] };
    let mut client = Actor::start("client", client_args, "connected")?;
    server.says("accepted")?;
    match scene {
        Scene::Normal => {
            client.ends()?;
            server.ends()?;
        }
        Scene::ServerExits => {
            thread::sleep(OPEN);
            server.interrupt()?;
        }
        Scene::ClientExits => {
            thread::sleep(OPEN);
            client.interrupt()?;
        }
    }
    thread::sleep(AFTERWARDS);
    let timeline = tracer.interrupt()?;
    let records = recording.interrupt()?;
    let facts = Facts::gather(&records, server.pid(), client.pid());
    let paragraph = folded(&facts.describe(scene));
    if paragraph.is_empty() {
        bail!("the recording does not show what this scene is about:\n{timeline}");
    }
    Ok(Played { timeline, paragraph })
}

/// The paragraph in rows of at most 100 columns.
fn folded(paragraph: &str) -> String {
    let (mut rows, mut column) = (String::new(), 0);
    for word in paragraph.split_whitespace() {
        let long = word.chars().count();
        let separator = match column {
            0 => "",
            _ if column + 1 + long > 100 => "\n",
            _ => " ",
        };
        column = if separator == " " { column + 1 + long } else { long };
        rows.push_str(separator);
        rows.push_str(word);
    }
    rows
}
