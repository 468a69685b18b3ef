//! The article's server: listens on port 10050, accepts, and then does nothing at all.
//!
//! `server [PORT]` never closes what it accepted, whatever the client does: that is how CLOSE_WAIT comes about.
//! `server PORT --polite` reads until the client's FIN and then closes too, as a server should.

use std::{
    env,
    io::{self, Read as _},
    net::{Ipv4Addr, TcpListener},
    thread,
};

fn main() -> io::Result<()> {
    let mut arguments = env::args().skip(1);
    let port = arguments.next().and_then(|port| port.parse().ok()).unwrap_or(10050_u16);
    let polite = arguments.next().as_deref() == Some("--polite");

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    println!("listening on {}", listener.local_addr()?);
    let (mut connection, client) = listener.accept()?;
    println!("accepted {client}");
    if polite {
        // Returns when the client's FIN arrives; nothing else is ever sent.
        io::copy(&mut connection.by_ref(), &mut io::sink())?;
        return Ok(());
    }
    loop {
        thread::park();
    }
}
