//! A flood of short connections on loopback: connect, accept, close, as fast as it goes.
//!
//! Client and server share one CPU. On two, what a virtual machine takes to wake the other one is most of the time, and
//! a tracer that keeps it awake makes the flood faster.

use anyhow::{Context, Result};
use rustix::{
    net::sockopt::set_socket_linger,
    thread::{CpuSet, sched_setaffinity},
};
use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::mpsc::{SyncSender, sync_channel},
    thread,
    time::{Duration, Instant},
};

/// Connections that may wait to be accepted: fewer than the backlog of the standard library's listener.
const QUEUE: usize = 64;

/// Makes `connections` connections and ends each by RST, so that no port stays busy in TIME_WAIT. Six state changes
/// each: three on either side. Gives the rate in connections a second.
pub(super) fn run(connections: u32) -> Result<f64> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("listen for the flood")?;
    let address = listener.local_addr().context("name the flood's port")?;
    // A full accept queue would cost the client a second (the SYN is dropped, and sent again).
    let (connected, accepts) = sync_channel(QUEUE);
    let server = thread::spawn(move || {
        // Where it cannot be had, the numbers are only less steady.
        let _ = stay_here();
        for () in accepts {
            // A connection that is reset before it is accepted is an error of accept, and counts all the same.
            let _ = listener.accept();
        }
    });
    let client = thread::spawn(move || flood(address, connections, &connected));
    let elapsed = client.join().ok().context("end the flood's client")??;
    server.join().ok().context("end the flood's server")?;
    Ok(f64::from(connections) / elapsed.as_secs_f64())
}

fn flood(address: SocketAddr, connections: u32, connected: &SyncSender<()>) -> Result<Duration> {
    let _ = stay_here();
    let start = Instant::now();
    for _ in 0..connections {
        let client = TcpStream::connect(address).context("connect")?;
        set_socket_linger(&client, Some(Duration::ZERO)).context("set SO_LINGER")?;
        connected.send(()).context("tell the flood's server")?;
    }
    Ok(start.elapsed())
}

/// Binds the thread to the first CPU.
fn stay_here() -> rustix::io::Result<()> {
    let mut first = CpuSet::new();
    first.set(0);
    sched_setaffinity(None, &first)
}
