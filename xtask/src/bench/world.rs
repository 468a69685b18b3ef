//! A network namespace for one measurement: nothing of the host's traffic in it, nothing of its own left behind.

use crate::child;
use anyhow::{Context, Result, anyhow};
use rustix::thread::{UnshareFlags, unshare_unsafe};
use std::{fs, process::Command, thread, time::Duration};

/// Settings of the namespace: enough buckets for every `TIME_WAIT` of a flood (`inet_twsk_alloc` makes none beyond the limit).
const SETTINGS: [(&str, &str); 1] = [("/proc/sys/net/ipv4/tcp_max_tw_buckets", "2000000")];

/// Runs `inside` on a thread in a network namespace of its own, in which all of `127.0.0.0/8` and `fd00::/64` is this host.
pub(super) fn in_a_namespace<T: Send>(inside: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    let result = thread::scope(|scope| scope.spawn(|| enter().and_then(|()| inside())).join());
    // What the kernel closes after the namespace's last process (`cleanup_net`) is not the next measurement's.
    thread::sleep(Duration::from_millis(300));
    result.map_err(|_| anyhow!("the measurement panicked"))?
}

fn enter() -> Result<()> {
    // SAFETY: only the network namespace is left; memory and descriptors stay shared with the other threads.
    unsafe { unshare_unsafe(UnshareFlags::NEWNET) }.context("make a network namespace")?;
    child::run(Command::new("ip").args(["link", "set", "lo", "up"]))?;
    child::run(Command::new("ip").args(["-6", "route", "add", "local", "fd00::/64", "dev", "lo"]))?;
    for (path, value) in SETTINGS {
        fs::write(path, value).with_context(|| format!("write {value} to {path}"))?;
    }
    Ok(())
}
