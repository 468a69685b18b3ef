//! What was told of a socket, against what must be.

use std::{collections::BTreeSet, time::Duration};

use serde_json::Value;

use crate::{
    harness::{
        actor::Sock,
        trace::{Trace, line},
    },
    notation::{Expected, fits},
};

/// The records about a socket. One that had no cookie when it was first told of has another name: then by its ends.
pub fn of_socket<'a>(records: &'a [Value], sock: &Sock) -> Vec<&'a Value> {
    let named: Vec<_> = records.iter().filter(|record| record["socket"] == *sock.cookie).collect();
    if !named.is_empty() {
        return named;
    }
    let port = |record: &Value, end: &str| record[end]["port"].as_u64();
    let ends = (Some(sock.local.port().into()), Some(sock.remote.port().into()));
    records.iter().filter(|record| (port(record, "local"), port(record, "remote")) == ends).collect()
}

/// Those of its states.
pub fn of_states<'a>(records: &'a [Value], sock: &Sock) -> Vec<&'a Value> {
    let of_states =
        |record: &&Value| ["transition", "orphan", "socket"].iter().any(|word| record["type"] == *word);
    of_socket(records, sock).into_iter().filter(of_states).collect()
}

/// The same as lines, with how long the state before lasted.
pub fn life(records: &[Value], sock: &Sock) -> Vec<(String, Duration)> {
    let lasted = |record: &Value| Duration::from_nanos(record["in_from_ns"].as_u64().unwrap_or_default());
    of_states(records, sock).into_iter().map(|record| (line(record), lasted(record))).collect()
}

/// The states that were told one after another, with the one before the first step.
pub fn states(trace: &Trace, sock: &Sock) -> Vec<String> {
    let records = of_states(&trace.records, sock);
    let first = records.first().and_then(|record| record["from"].as_str());
    let entered = records.iter().filter_map(|record| record["to"].as_str().or(record["state"].as_str()));
    first.into_iter().chain(entered).map(ToOwned::to_owned).collect()
}

#[track_caller]
pub fn assert_life(trace: &Trace, name: &str, sock: &Sock, expected: &[Expected]) {
    let told = life(&trace.records, sock);
    let all = trace.lines();
    assert!(fits(&told, expected), "{name}: {told:#?}\nexpected: {expected:#?}\nall: {all:#?}");
    // What its process says of it is about its last life.
    let records = of_states(&trace.records, sock);
    let last = records.iter().rposition(|record| record["from"] == "CLOSE").unwrap_or_default();
    records[last..].iter().for_each(|record| trace.assert_ends(sock, record));
    let listens = |record: &Value| {
        record["to"] == "LISTEN" || (&record["from"], &record["to"]) == (&"LISTEN".into(), &"CLOSE".into())
    };
    for record in records.iter().filter(|record| listens(record)) {
        assert!(record["remote"].is_null() && record["connection"].is_null(), "{record}");
    }
    // Each life is a connection of its own.
    let opens: Vec<_> = records.iter().filter(|record| record["to"] == "SYN_SENT").collect();
    let connections: BTreeSet<_> = opens.iter().map(|record| record["connection"].to_string()).collect();
    assert_eq!(connections.len(), opens.len(), "{all:#?}");
}

/// Each of these segments was told of: `reset:STATE REASON`, `retransmit:STATE`.
#[track_caller]
pub fn assert_sent(trace: &Trace, sock: &Sock, expected: &[String]) {
    let told: Vec<String> = of_socket(&trace.records, sock)
        .into_iter()
        .filter(|record| record["type"] == "reset" || record["type"] == "retransmit")
        .map(|record| {
            let word = |name: &str| record[name].as_str().unwrap_or("-").to_owned();
            let what = format!("{}:{}", word("type"), word("state"));
            if record["type"] == "reset" { format!("{what} {}", word("reason")) } else { what }
        })
        .collect();
    for expected in expected {
        let found = told.iter().any(|told| crate::harness::trace::fits(told, expected));
        assert!(found, "{expected}: {told:?} in {:#?}", trace.lines());
    }
}

/// The two ends of a connection have its number in common, unless others have the same addresses.
#[track_caller]
pub fn assert_pairs(trace: &Trace, socks: &[&Sock]) {
    let ends = |sock: &Sock| {
        let plain = |address: std::net::SocketAddr| (address.ip().to_canonical(), address.port());
        (plain(sock.local), plain(sock.remote))
    };
    let connection = |sock: &Sock| of_states(&trace.records, sock).last().unwrap()["connection"].clone();
    for sock in socks {
        let (local, remote) = ends(sock);
        let alike = |wanted| socks.iter().filter(move |other| ends(other) == wanted).collect::<Vec<_>>();
        if let (1, [other]) = (alike((local, remote)).len(), &alike((remote, local))[..]) {
            assert!(connection(sock).is_string(), "{:#?}", trace.lines());
            assert_eq!(connection(sock), connection(other), "{:#?}", trace.lines());
        }
    }
}
