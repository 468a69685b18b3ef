//! The verdict on a connection in one line of words.

use super::short;
use crate::record::{Completeness, Ended, Verdict};

/// The verdict in one line: `in order, handshake 52 µs, 6 bytes from …, 512 from …, no retransmits`.
#[must_use]
pub fn verdict_words(verdict: &Verdict) -> String {
    let mut words = vec![ended_words(verdict)];
    let handshakes: Vec<_> = verdict.ends.iter().filter_map(|end| end.handshake_ns).map(short).collect();
    if !handshakes.is_empty() {
        words.push(format!("handshake {}", handshakes.join(" and ")));
    }
    let half = verdict.half_closed_ns.filter(|_| verdict.open || verdict.ended == Some(Ended::HalfClosed));
    words.extend(half.map(|ns| format!("half-closed for {}", short(ns))));
    for end in &verdict.ends {
        words.extend(end.payload.map(|count| format!("{} from {}", bytes(count), end.address)));
    }
    let again: Vec<_> = verdict.ends.iter().filter_map(|end| end.retransmits).collect();
    words.extend((!again.is_empty()).then(|| match again.iter().sum() {
        0_u64 => "no retransmits".to_owned(),
        1 => "1 retransmit".to_owned(),
        sum => format!("{sum} retransmits"),
    }));
    words.extend(Completeness::words(verdict.completeness).map(str::to_owned));
    words.join(", ")
}

fn ended_words(verdict: &Verdict) -> String {
    let Some(ended) = verdict.ended else {
        return if verdict.open { "not yet" } else { "not known how" }.to_owned();
    };
    match ended {
        Ended::InOrder => "in order".to_owned(),
        Ended::Simultaneous => "in order, both closed at once".to_owned(),
        Ended::HalfClosed => "by tcp_fin_timeout: the other end never closed".to_owned(),
        Ended::Reset { by } => by
            .and_then(|end| verdict.ends.get(end))
            .map_or_else(|| "reset".to_owned(), |end| format!("reset by {}", end.address)),
        Ended::TimedOut => "timed out".to_owned(),
        Ended::Refused => "refused".to_owned(),
        Ended::Unreachable { .. } => "unreachable".to_owned(),
        Ended::Destroyed => "destroyed from outside".to_owned(),
        Ended::Error { errno } => format!("error {errno}"),
        Ended::Abandoned => "given up before it was open".to_owned(),
    }
}

fn bytes(count: u64) -> String {
    if count == 1 { "1 byte".to_owned() } else { format!("{count} bytes") }
}
