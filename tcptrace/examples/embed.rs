//! A test-suite author's use of the library: opens and closes connections, and asserts that no socket was leaked.
//!
//! As root: `cargo run --example embed`, or `cargo run --example embed -- leak` to see it fail.

use std::{
    collections::BTreeMap,
    net::{TcpListener, TcpStream},
    process::ExitCode,
};

use tcptrace::{Trace, record::Record, tcp::TcpState};

fn main() -> anyhow::Result<ExitCode> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    let trace = Trace::builder().port(port).attach()?;

    // The code under test.
    let leaks = std::env::args().nth(1).is_some_and(|argument| argument == "leak");
    let kept = call(&listener, leaks)?;

    // What is open by now, by what the kernel has reported since the trace was attached.
    let mut open = BTreeMap::new();
    let totals = trace.finish(|record| {
        let (Record::Transition(_) | Record::Existing(_)) = record else { return };
        let Some(subject) = record.subject() else { return };
        match state(record) {
            // A socket that listens is not a connection, and TIME_WAIT belongs to the kernel.
            Some(TcpState::Close | TcpState::TimeWait | TcpState::Listen) | None => {
                open.remove(&subject.socket);
            }
            Some(state) => {
                open.insert(subject.socket, (state, subject.tuple));
            }
        }
    })?;
    drop(kept);

    println!("{} state changes, {} lost", totals.seen, totals.lost);
    for (socket, (state, tuple)) in &open {
        println!("leaked: socket {socket} {} -> {} in {state}", tuple.local, tuple.remote);
    }
    Ok(if open.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A connection from handshake to close; with `leaks` the server forgets its end.
fn call(listener: &TcpListener, leaks: bool) -> anyhow::Result<Option<TcpStream>> {
    let client = TcpStream::connect(listener.local_addr()?)?;
    let (server, _) = listener.accept()?;
    drop(client);
    Ok(leaks.then_some(server))
}

/// The state that a record says its socket is in.
const fn state(record: &Record) -> Option<TcpState> {
    match record {
        Record::Transition(step) => Some(step.to),
        Record::Existing(existing) => Some(existing.state),
        _ => None,
    }
}
