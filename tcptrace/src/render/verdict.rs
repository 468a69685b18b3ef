//! The verdict on a connection: as a JSON body, and in one line of words.

use serde::Serialize;

use super::{
    json::{EndpointBody, ProcessBody},
    short,
};
use crate::verdict::{Completeness, End, Ended, Verdict};

#[derive(Serialize)]
pub(super) struct VerdictBody {
    connection: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    netns: Option<String>,
    family: &'static str,
    open: bool,
    ends: Vec<EndBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    opener: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    closed_first: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reset_by: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    errno: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lasted_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    established_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    half_closed_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    teardown_ns: Option<u64>,
    completeness: &'static str,
}

#[derive(Serialize)]
struct EndBody {
    #[serde(flatten)]
    address: EndpointBody,
    #[serde(skip_serializing_if = "Option::is_none")]
    socket: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    process: Option<ProcessBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    handshake_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retransmits: Option<u64>,
}

impl From<&Verdict> for VerdictBody {
    fn from(verdict: &Verdict) -> Self {
        Self {
            connection: verdict.connection.0.to_string(),
            netns: verdict.netns.map(|netns| netns.0.to_string()),
            family: if verdict.ends.iter().any(|end| end.address.address.is_ipv6()) {
                "ipv6"
            } else {
                "ipv4"
            },
            open: verdict.open,
            ends: verdict.ends.iter().map(EndBody::from).collect(),
            opener: verdict.opener,
            closed_first: verdict.closed_first,
            ended: verdict.ended.map(Ended::name),
            reset_by: match verdict.ended {
                Some(Ended::Reset { by }) => by,
                _ => None,
            },
            errno: match verdict.ended {
                Some(Ended::Unreachable { errno } | Ended::Error { errno }) => Some(errno),
                _ => None,
            },
            lasted_ns: verdict.lasted_ns,
            established_ns: verdict.established_ns,
            half_closed_ns: verdict.half_closed_ns,
            teardown_ns: verdict.teardown_ns,
            completeness: verdict.completeness.name(),
        }
    }
}

impl From<&End> for EndBody {
    fn from(end: &End) -> Self {
        Self {
            address: EndpointBody::from(end.address),
            socket: end.socket.map(|socket| socket.to_string()),
            state: end.state.map(|state| state.name()),
            process: end.owner.as_ref().map(ProcessBody::from),
            handshake_ns: end.handshake_ns,
            payload_bytes: end.payload,
            retransmits: end.retransmits,
        }
    }
}

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
