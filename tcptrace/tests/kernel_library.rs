//! The library as an embedder uses it, without the binary: live, beside the code that is traced.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[expect(dead_code, reason = "each file of tests uses its part")]
mod harness;

use std::{
    net::{TcpListener, TcpStream},
    ops::ControlFlow,
    process::Command,
};

use harness::{example::example, in_a_namespace, ss};
use tcptrace::{Trace, record::Record, tcp::TcpState};

/// Steps of a trace, without those of other connections of this process.
fn step(record: &Record) -> Option<(TcpState, TcpState)> {
    match record {
        Record::Transition(step) => Some((step.from, step.to)),
        _ => None,
    }
}

#[test]
fn what_has_happened_by_the_end_is_all_there() {
    in_a_namespace(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let trace = Trace::builder().port(port).attach().unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        drop(client);
        let mut records = Vec::new();
        let totals = trace.finish(|record| records.push(record.clone())).unwrap();
        assert!(matches!(records.first(), Some(Record::Start(_))), "{records:?}");
        assert!(
            records
                .iter()
                .any(|record| matches!(record, Record::Existing(found) if found.state == TcpState::Listen)),
            "{records:?}"
        );
        // By the kernel's own word the server has not closed.
        let listed = ss::all();
        let of_server =
            listed.iter().filter(|line| line.local.ends_with(&format!(":{port}")) && line.state != "LISTEN");
        assert_eq!(of_server.map(|line| line.state.as_str()).collect::<Vec<_>>(), ["CLOSE_WAIT"]);
        let steps: Vec<_> = records.iter().filter_map(step).collect();
        use TcpState::{Close, CloseWait, Established, FinWait1, FinWait2, Listen, SynRecv, SynSent};
        for wanted in [
            (Close, SynSent),
            (Listen, SynRecv),
            (SynSent, Established),
            (SynRecv, Established),
            (Established, FinWait1),
            (Established, CloseWait),
            (FinWait1, FinWait2),
        ] {
            assert_eq!(steps.iter().filter(|step| **step == wanted).count(), 1, "{wanted:?} in {steps:?}");
        }
        assert_eq!((totals.lost, totals.seen), (0, totals.shown + totals.filtered));
        drop(server);
    });
}

/// A closure ends the trace, and what it had asked for is there.
#[test]
fn a_closure_can_break() {
    in_a_namespace(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let trace = Trace::builder().local_port(address.port()).attach().unwrap();
        let visitor = std::thread::spawn({
            // In this namespace: a thread that another one starts inherits it.
            move || drop(TcpStream::connect(address).unwrap())
        });
        let mut steps = Vec::new();
        trace
            .run(|record| {
                steps.extend(step(record));
                match steps.last() {
                    Some((_, TcpState::CloseWait)) => ControlFlow::Break(()),
                    _ => ControlFlow::Continue(()),
                }
            })
            .unwrap();
        visitor.join().unwrap();
        assert_eq!(steps.last(), Some(&(TcpState::Established, TcpState::CloseWait)), "{steps:?}");
    });
}

/// `examples/embed.rs` finds a leak where there is one, and none where there is none.
#[test]
fn the_example_finds_a_leak() {
    in_a_namespace(|| {
        for (arguments, code) in [(&[][..], 0), (&["leak"], 1)] {
            let output = Command::new(example("embed")).args(arguments).output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            let err = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(code), "{text}{err}");
            assert!(text.contains(" 0 lost"), "{text}");
            assert_eq!(text.contains("CLOSE_WAIT"), code == 1, "{text}");
        }
    });
}
