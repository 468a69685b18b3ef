//! The article's client: connects to port 10050, and then does nothing at all.
//!
//! `client [PORT]` waits until it is killed; `client PORT MILLISECONDS` waits that long and closes.

use std::{
    env, io,
    net::{Ipv4Addr, TcpStream},
    thread,
    time::Duration,
};

fn main() -> io::Result<()> {
    let mut arguments = env::args().skip(1);
    let port = arguments.next().and_then(|port| port.parse().ok()).unwrap_or(10050_u16);
    let patience = arguments.next().and_then(|ms| ms.parse().ok()).map(Duration::from_millis);

    let connection = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    println!("connected from {}", connection.local_addr()?);
    match patience {
        Some(patience) => thread::sleep(patience),
        None => loop {
            thread::park();
        },
    }
    drop(connection);
    Ok(())
}
