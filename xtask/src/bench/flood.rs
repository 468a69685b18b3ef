//! A flood of short connections on loopback: connect, accept, close, as fast as it goes.

use anyhow::{Context, Result};
use rustix::net::sockopt::set_socket_linger;
use std::{
    net::{Ipv4Addr, TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

/// Makes `connections` connections and ends each by RST, so that no port stays busy in TIME_WAIT. Six state changes
/// each: three on either side. Gives the rate in connections a second.
pub(super) fn run(connections: u32) -> Result<f64> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("listen for the flood")?;
    let address = listener.local_addr().context("name the flood's port")?;
    let server = thread::spawn(move || {
        for _ in 0..connections {
            // A connection that is reset before it is accepted is an error of accept, and counts all the same.
            let _ = listener.accept();
        }
    });
    let start = Instant::now();
    for _ in 0..connections {
        let client = TcpStream::connect(address).context("connect")?;
        set_socket_linger(&client, Some(Duration::ZERO)).context("set SO_LINGER")?;
    }
    let elapsed = start.elapsed();
    server.join().ok().context("end the flood's server")?;
    Ok(f64::from(connections) / elapsed.as_secs_f64())
}
