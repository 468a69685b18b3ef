//! JSON lines for pipelines: the outside contract, described by `schema/records.schema.json`.
//!
//! One object per line. 64-bit ids are strings, because many readers keep only 53 bits; durations are integers with
//! the unit in the name; what is not known is not there. Characters that end a line, move a cursor or turn the text
//! somewhere are escaped, so a name from outside can do nothing to a terminal or to a reader of lines.

use std::{
    io::{self, Write},
    net::IpAddr,
};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

use super::{Render, signal_name, verdict::VerdictBody};
use crate::{
    address::Endpoint,
    process::{Evidence, Owner, is_invisible},
    record::{
        Cause, Context, End, Existing, Lost, Numbers, Orphan, Record, Reset, Retransmit, Start, Subject,
        Totals, Transition,
    },
    time::Moment,
};

/// Version of the contract: the `v` of every object.
const VERSION: u8 = 1;

/// JSON lines.
#[derive(Clone, Copy, Debug, Default)]
pub struct Json;

#[derive(Serialize)]
struct Object<T: Serialize> {
    v: u8,
    r#type: &'static str,
    time: String,
    mono_ns: u64,
    #[serde(flatten)]
    body: T,
}

#[derive(Serialize)]
struct StartBody<'a> {
    version: &'static str,
    kernel: &'a str,
    probe: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    probe_fallback: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    filter: &'a str,
    sees: &'a [&'static str],
}

#[derive(Serialize)]
pub(super) struct SubjectBody {
    socket: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection: Option<String>,
    family: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    netns: Option<String>,
    local: EndpointBody,
    #[serde(skip_serializing_if = "Option::is_none")]
    remote: Option<EndpointBody>,
}

#[derive(Serialize)]
pub(super) struct EndpointBody {
    address: IpAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
}

#[derive(Serialize)]
pub(super) struct ProcessBody {
    pid: u32,
    comm: String,
    uid: u32,
    evidence: &'static str,
}

#[derive(Serialize)]
struct TransitionBody {
    #[serde(flatten)]
    subject: SubjectBody,
    from: &'static str,
    to: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    in_from_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    since_first_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    process: Option<ProcessBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    errno: Option<u16>,
    #[serde(skip_serializing_if = "is_false")]
    illegal: bool,
    #[serde(flatten)]
    numbers: Option<NumbersBody>,
}

#[derive(Serialize)]
struct StateBody {
    #[serde(flatten)]
    subject: SubjectBody,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    since_first_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    process: Option<ProcessBody>,
}

/// A segment on the timeline: `retransmit` or `reset`.
#[derive(Serialize)]
struct SegmentBody<'a> {
    #[serde(flatten)]
    subject: SubjectBody,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    since_first_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    process: Option<ProcessBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

/// What the kernel counted, flat among the fields of a transition.
#[derive(Serialize)]
struct NumbersBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    srtt_us: Option<u32>,
    retransmits: u32,
    bytes_sent: u64,
    bytes_acked: u64,
    bytes_received: u64,
}

impl From<&Numbers> for NumbersBody {
    fn from(numbers: &Numbers) -> Self {
        let Numbers { srtt_us, retransmits, bytes_sent, bytes_acked, bytes_received } = *numbers;
        Self { srtt_us, retransmits, bytes_sent, bytes_acked, bytes_received }
    }
}

#[derive(Serialize)]
struct LostBody {
    count: u64,
    reason: &'static str,
}

#[derive(Serialize)]
struct TotalsBody {
    seen: u64,
    shown: u64,
    filtered: u64,
    lost: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    illegal: Option<u64>,
}

impl Render for Json {
    fn write(&mut self, out: &mut dyn Write, record: &Record) -> io::Result<()> {
        match record {
            Record::Start(Start { at, probe, fallback, kernel, filter, sees }) => {
                let body = StartBody {
                    version: env!("CARGO_PKG_VERSION"),
                    kernel,
                    probe,
                    probe_fallback: fallback.as_deref(),
                    filter,
                    sees,
                };
                line(out, "start", *at, body)
            }
            Record::Existing(Existing { at, subject, state }) => {
                let body = StateBody {
                    subject: SubjectBody::from(subject),
                    state: state.name(),
                    since_first_ns: None,
                    context: None,
                    evidence: None,
                    process: subject.owner.as_ref().map(ProcessBody::from),
                };
                line(out, "socket", *at, body)
            }
            Record::Orphan(Orphan { at, subject, state, since_first_ns, context }) => {
                let (context, evidence) = context_words(*context);
                let body = StateBody {
                    subject: SubjectBody::from(subject),
                    state: state.name(),
                    since_first_ns: *since_first_ns,
                    context,
                    evidence,
                    process: subject.owner.as_ref().map(ProcessBody::from),
                };
                line(out, "orphan", *at, body)
            }
            Record::Transition(step) => line(out, "transition", step.at, TransitionBody::from(step)),
            Record::Retransmit(Retransmit { at, subject, state, count, since_first_ns }) => {
                let body = SegmentBody {
                    subject: SubjectBody::from(subject),
                    state: state.name(),
                    since_first_ns: *since_first_ns,
                    process: subject.owner.as_ref().map(ProcessBody::from),
                    count: Some(*count),
                    reason: None,
                };
                line(out, "retransmit", *at, body)
            }
            Record::Reset(Reset { at, subject, state, reason, since_first_ns }) => {
                let body = SegmentBody {
                    subject: SubjectBody::from(subject),
                    state: state.name(),
                    since_first_ns: *since_first_ns,
                    process: subject.owner.as_ref().map(ProcessBody::from),
                    count: None,
                    reason: reason.as_deref(),
                };
                line(out, "reset", *at, body)
            }
            Record::Connection(verdict) => line(out, "connection", verdict.at, VerdictBody::from(&**verdict)),
            Record::Lost(Lost { at, count, reason }) => {
                line(out, "lost", *at, LostBody { count: *count, reason: reason.name() })
            }
            Record::End(End { at, totals: Totals { seen, shown, filtered, lost }, illegal }) => {
                let illegal = Some(*illegal).filter(|count| *count > 0);
                let body =
                    TotalsBody { seen: *seen, shown: *shown, filtered: *filtered, lost: *lost, illegal };
                line(out, "end", *at, body)
            }
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
const fn is_false(value: &bool) -> bool {
    !*value
}

pub(super) fn line(
    out: &mut dyn Write,
    r#type: &'static str,
    at: Moment,
    body: impl Serialize,
) -> io::Result<()> {
    let object = Object { v: VERSION, r#type, time: rfc3339(at.wall_ns), mono_ns: at.mono_ns, body };
    // At one go, so that no buffer on the way hands on half a line.
    let mut text = Vec::with_capacity(512);
    object.serialize(&mut Serializer::with_formatter(&mut text, Visible))?;
    text.push(b'\n');
    out.write_all(&text)
}

/// Compact JSON that escapes more than it must. JSON itself is content with a raw DEL, U+0085, U+2028 or U+202E; but
/// Python's `splitlines` ends a line at some of them, and terminals obey others.
struct Visible;

impl Formatter for Visible {
    fn write_string_fragment<W: Write + ?Sized>(&mut self, out: &mut W, text: &str) -> io::Result<()> {
        let mut rest = text;
        while let Some(at) = rest.find(|c: char| c.is_control() || is_invisible(c)) {
            let (plain, tail) = rest.split_at(at);
            out.write_all(plain.as_bytes())?;
            let mut tail = tail.chars();
            if let Some(hidden) = tail.next() {
                for unit in hidden.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}")?;
                }
            }
            rest = tail.as_str();
        }
        out.write_all(rest.as_bytes())
    }
}

/// RFC 3339, UTC, always nine digits, so that it sorts as text.
#[must_use]
pub fn rfc3339(wall_ns: i64) -> String {
    Timestamp::from_nanosecond(wall_ns.into()).map_or_else(|_| String::new(), |time| format!("{time:.9}"))
}

impl From<&Subject> for SubjectBody {
    fn from(subject: &Subject) -> Self {
        let Subject { socket, connection, netns, tuple, owner: _ } = subject;
        let remote = tuple.remote;
        Self {
            socket: socket.to_string(),
            connection: connection.map(|id| id.0.to_string()),
            family: if tuple.is_ipv6() { "ipv6" } else { "ipv4" },
            netns: netns.map(|netns| netns.0.to_string()),
            local: EndpointBody::from(tuple.local),
            // A socket that listens has no other end.
            remote: (remote.is_set() || !remote.address.is_unspecified()).then(|| EndpointBody::from(remote)),
        }
    }
}

impl From<Endpoint> for EndpointBody {
    fn from(end: Endpoint) -> Self {
        Self { address: end.address, port: end.is_set().then_some(end.port) }
    }
}

impl From<&Owner> for ProcessBody {
    fn from(owner: &Owner) -> Self {
        let Owner { pid, comm, uid, evidence, family: _ } = owner;
        Self { pid: *pid, comm: comm.to_text(), uid: *uid, evidence: Evidence::name(*evidence) }
    }
}

/// The words for a context, and for what it is concluded from.
const fn context_words(context: Option<Context>) -> (Option<&'static str>, Option<&'static str>) {
    match context {
        None => (None, None),
        Some(Context::Process) => (Some("process"), None),
        Some(Context::Softirq) => (Some("softirq"), None),
        Some(Context::Inferred(from)) => (Some("inferred"), Some(from.name())),
    }
}

impl From<&Transition> for TransitionBody {
    fn from(step: &Transition) -> Self {
        let (context, evidence) = context_words(step.context);
        Self {
            subject: SubjectBody::from(&step.subject),
            from: step.from.name(),
            to: step.to.name(),
            in_from_ns: step.in_from_ns,
            since_first_ns: step.since_first_ns,
            context,
            evidence,
            process: step.subject.owner.as_ref().map(ProcessBody::from),
            cause: step.cause.as_ref().map(|cause| cause.name()),
            signal: match step.cause {
                Some(Cause::Killed { signal }) => Some(signal_name(signal)),
                _ => None,
            },
            errno: match step.cause {
                Some(Cause::Unreachable { errno } | Cause::Error { errno }) => Some(errno),
                _ => None,
            },
            illegal: step.is_illegal(),
            numbers: step.numbers.as_ref().map(NumbersBody::from),
        }
    }
}
