//! The summary of a connection in one line of words.

use super::short;
use crate::record::{Completeness, ConnectionSummary, Outcome};

/// The summary in one line: `in order, handshake 52 µs, 6 bytes from …, 512 from …, no retransmits`.
#[must_use]
pub fn describe_summary(summary: &ConnectionSummary) -> String {
    let mut words = vec![describe_outcome(summary)];
    let handshakes: Vec<_> = summary.ends.iter().filter_map(|end| end.handshake_ns).map(short).collect();
    if !handshakes.is_empty() {
        words.push(format!("handshake {}", handshakes.join(" and ")));
    }
    let half =
        summary.half_closed_ns.filter(|_| summary.open || summary.outcome == Some(Outcome::HalfClosed));
    words.extend(half.map(|ns| format!("half-closed for {}", short(ns))));
    for end in &summary.ends {
        words.extend(end.payload.map(|count| format!("{} from {}", bytes(count), end.address)));
    }
    let again: Vec<_> = summary.ends.iter().filter_map(|end| end.retransmits).collect();
    words.extend((!again.is_empty()).then(|| match again.iter().sum() {
        0_u64 => "no retransmits".to_owned(),
        1 => "1 retransmit".to_owned(),
        sum => format!("{sum} retransmits"),
    }));
    words.extend(Completeness::words(summary.completeness).map(str::to_owned));
    words.join(", ")
}

fn describe_outcome(summary: &ConnectionSummary) -> String {
    let Some(outcome) = summary.outcome else {
        return if summary.open { "not yet" } else { "not known how" }.to_owned();
    };
    match outcome {
        Outcome::InOrder => "in order".to_owned(),
        Outcome::Simultaneous => "in order, both closed at once".to_owned(),
        Outcome::HalfClosed => "by tcp_fin_timeout: the other end never closed".to_owned(),
        Outcome::Reset { by } => by
            .and_then(|end| summary.ends.get(end))
            .map_or_else(|| "reset".to_owned(), |end| format!("reset by {}", end.address)),
        Outcome::TimedOut => "timed out".to_owned(),
        Outcome::Refused => "refused".to_owned(),
        Outcome::Unreachable { .. } => "unreachable".to_owned(),
        Outcome::Destroyed => "destroyed from outside".to_owned(),
        Outcome::Error { errno } => format!("error {errno}"),
        Outcome::Abandoned => "given up before it was open".to_owned(),
    }
}

fn bytes(count: u64) -> String {
    if count == 1 { "1 byte".to_owned() } else { format!("{count} bytes") }
}
