//! Connections that stay open. They are spread over processes, because one may not have so many descriptors.

use anyhow::{Context, Result, bail};
use rustix::process::{Resource, getrlimit, setrlimit};
use std::{
    env,
    io::{self, BufRead, BufReader, Read},
    net::{Ipv4Addr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
};

/// Descriptors that a holder needs for itself.
const SPARE: u32 = 64;

/// Hold connections to itself open until standard input ends
#[derive(clap::Args)]
pub(super) struct Options {
    connections: u32,
}

/// Runs a holder.
pub(super) fn main(options: Options) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("listen")?;
    let address = listener.local_addr().context("name the port")?;
    let mut held = Vec::new();
    for _ in 0..options.connections {
        let opened = TcpStream::connect(address).context("connect")?;
        held.push((opened, listener.accept().context("accept")?));
    }
    println!("ready");
    io::stdin().read_to_end(&mut Vec::new()).context("wait for the end")?;
    Ok(())
}

/// Processes that hold connections, both ends of each.
#[derive(Default)]
pub(super) struct Holders(Vec<Child>);

impl Holders {
    /// Opens connections in this thread's network namespace, beside those that are open.
    pub(super) fn open(&mut self, mut connections: u32) -> Result<()> {
        let most = descriptors()? / 2;
        while connections > 0 {
            let each = connections.min(most);
            connections -= each;
            let mut child = Command::new(env::current_exe().context("find this program")?)
                .args(["bench", "hold", &each.to_string()])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .context("start a process that holds connections")?;
            let out = child.stdout.take().context("take its output")?;
            self.0.push(child);
            let mut line = String::new();
            BufReader::new(out).read_line(&mut line).context("wait for the connections")?;
            if line != "ready\n" {
                bail!("a process could not open {each} connections");
            }
        }
        Ok(())
    }
}

impl Drop for Holders {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // Fails only if it is gone already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Descriptors that a holder may use; it inherits the limit that is raised here.
fn descriptors() -> Result<u32> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).context("raise the limit of descriptors (ulimit -n)")?;
    // All ports of one client address on one server address: fewer than 28,000.
    let limit = u32::try_from(limit.current.unwrap_or(u64::MAX)).unwrap_or(u32::MAX).min(40_000);
    limit.checked_sub(SPARE).filter(|left| *left >= 2).context("ulimit -n allows too few descriptors")
}
