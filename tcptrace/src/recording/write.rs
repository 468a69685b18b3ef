//! Records to lines.
//!
//! 64-bit ids are strings, because many readers keep only 53 bits; durations are integers with the unit in the name; what
//! is not known is not there. Characters that end a line, move a cursor or turn the text somewhere are escaped, so a name
//! from outside can do nothing to a terminal or to a reader of lines.

use std::{
    fmt::Write as _,
    io::{self, Write},
    str,
};

use jiff::Timestamp;
use serde::Serialize as _;
use serde_json::ser::{Formatter, Serializer};

use super::line::{End, Illegal, Line, Process, Text, Thread, Unseen, VERSION, VerdictEnd};
use crate::{
    address::Endpoint,
    process::{self, Comm, Owner, is_invisible},
    record::{
        self, Cause, ConnectionEnd, Context, Ended, Existing, Lost, Numbers, Orphan, Record, Reset,
        Retransmit, Start, Subject, Totals, Transition, Verdict,
    },
    render::signal_name,
    time::Moment,
    watch::advice,
};

/// Writes a record as one line.
///
/// # Errors
/// Only those of `out`.
pub fn write(out: &mut dyn Write, record: &Record) -> io::Result<()> {
    let (r#type, at, line) = match record {
        Record::Start(start) => ("start", start.at, starting(start)),
        Record::Existing(Existing { at, subject, state }) => {
            ("socket", *at, Line { state: Some(state.name().into()), ..about(subject) })
        }
        Record::Transition(step) => ("transition", step.at, transition(step)),
        Record::Orphan(Orphan { at, subject, state, since_first_ns, context }) => {
            let line = Line {
                state: Some(state.name().into()),
                since_first_ns: *since_first_ns,
                ..in_context(*context, about(subject))
            };
            ("orphan", *at, line)
        }
        Record::Retransmit(Retransmit { at, subject, state, count, since_first_ns }) => {
            let line = Line {
                state: Some(state.name().into()),
                since_first_ns: *since_first_ns,
                count: Some(*count),
                ..about(subject)
            };
            ("retransmit", *at, line)
        }
        Record::Reset(Reset { at, subject, state, reason, since_first_ns }) => {
            let line = Line {
                state: Some(state.name().into()),
                since_first_ns: *since_first_ns,
                reason: reason.as_deref().map(Into::into),
                ..about(subject)
            };
            ("reset", *at, line)
        }
        Record::Stuck(stuck) => {
            let line = Line {
                state: Some(stuck.state.name().into()),
                count: Some(stuck.count),
                for_ns: Some(stuck.for_ns),
                at_least: stuck.at_least.then_some(true),
                fd: stuck.fd,
                advice: Some(advice(stuck.state).into()),
                ..about(&stuck.subject)
            };
            ("stuck", stuck.at, line)
        }
        Record::Connection(verdict) => ("connection", verdict.at, judged(verdict)),
        Record::Lost(Lost { at, count, reason }) => {
            ("lost", *at, Line { count: Some(*count), reason: Some(reason.name().into()), ..Line::default() })
        }
        Record::End(record::End { at, totals: Totals { seen, shown, filtered, lost }, illegal }) => {
            let [seen, shown, filtered, lost] = [seen, shown, filtered, lost].map(|count| Some(*count));
            let illegal = Some(*illegal).filter(|count| *count > 0).map(Illegal::Steps);
            ("end", *at, Line { seen, shown, filtered, lost, illegal, ..Line::default() })
        }
    };
    write_line(out, r#type, at, line)
}

/// Writes a line, with what every one has.
///
/// # Errors
/// Only those of `out`.
pub(crate) fn write_line(
    out: &mut dyn Write,
    r#type: &'static str,
    at: Moment,
    line: Line<'_>,
) -> io::Result<()> {
    let line = Line {
        v: Some(VERSION),
        r#type: Some(r#type.into()),
        time: Some(rfc3339(at.wall_ns).into()),
        mono_ns: Some(at.mono_ns),
        ..line
    };
    // At one go, so that no buffer on the way hands on half a line.
    let mut text = Vec::with_capacity(512);
    line.serialize(&mut Serializer::with_formatter(&mut text, Visible))?;
    text.push(b'\n');
    out.write_all(&text)
}

/// A line that says which socket it is about, and whose that is.
pub(crate) fn about(subject: &Subject) -> Line<'static> {
    let Subject { socket, connection, netns, tuple, owner, cgroup } = subject;
    let remote = tuple.remote;
    Line {
        socket: Some(socket.to_string().into()),
        connection: connection.map(|id| id.0.to_string().into()),
        family: Some(if tuple.is_ipv6() { "ipv6" } else { "ipv4" }.into()),
        netns: netns.map(|netns| netns.0.to_string().into()),
        cgroup: cgroup.as_ref().map(|cgroup| cgroup.path.clone().into()),
        container: cgroup.as_ref().and_then(|cgroup| cgroup.container.clone()).map(Into::into),
        local: Some(tuple.local.into()),
        // A socket that listens has no other end.
        remote: (remote.is_set() || !remote.address.is_unspecified()).then(|| remote.into()),
        process: owner.as_ref().map(Process::from),
        ..Line::default()
    }
}

fn starting(start: &Start) -> Line<'_> {
    let Start { at: _, version, probe, fallback, kernel, filter, sees, unseen } = start;
    Line {
        version: Some(version.into()),
        kernel: Some(kernel.into()),
        probe: Some(probe.into()),
        probe_fallback: fallback.as_deref().map(Into::into),
        filter: Some(filter).filter(|filter| !filter.is_empty()).map(Into::into),
        sees: Some(sees.iter().map(Into::into).collect()),
        unseen: (!unseen.is_empty()).then(|| unseen.iter().map(Unseen::from).collect()),
        ..Line::default()
    }
}

fn transition(step: &Transition) -> Line<'static> {
    let Transition { at: _, subject, from, to, in_from_ns, since_first_ns, context, cause, numbers } = step;
    let numbers = numbers.as_ref();
    Line {
        from: Some(from.name().into()),
        to: Some(to.name().into()),
        in_from_ns: *in_from_ns,
        since_first_ns: *since_first_ns,
        cause: cause.as_ref().map(|cause| cause.name().into()),
        cause_inferred: cause.filter(|cause| cause.is_inferred()).map(|_| true),
        how: match cause {
            Some(Cause::Shutdown { both }) => Some(if *both { "both" } else { "write" }.into()),
            _ => None,
        },
        signal: match cause {
            Some(Cause::Killed { signal }) => Some(signal_name(*signal).into()),
            _ => None,
        },
        errno: match cause {
            Some(Cause::Unreachable { errno } | Cause::Error { errno }) => Some(*errno),
            _ => None,
        },
        illegal: step.is_illegal().then_some(Illegal::Step(true)),
        srtt_us: numbers.and_then(|numbers| numbers.srtt_us),
        retransmits: numbers.map(|Numbers { retransmits, .. }| *retransmits),
        bytes_sent: numbers.map(|Numbers { bytes_sent, .. }| *bytes_sent),
        bytes_acked: numbers.map(|Numbers { bytes_acked, .. }| *bytes_acked),
        bytes_received: numbers.map(|Numbers { bytes_received, .. }| *bytes_received),
        ..in_context(*context, about(subject))
    }
}

fn judged(verdict: &Verdict) -> Line<'_> {
    let six = verdict.ends.iter().any(|end| end.address.address.is_ipv6());
    Line {
        connection: Some(verdict.connection.0.to_string().into()),
        family: Some(if six { "ipv6" } else { "ipv4" }.into()),
        netns: verdict.netns.map(|netns| netns.0.to_string().into()),
        open: Some(verdict.open),
        ends: Some(verdict.ends.iter().map(VerdictEnd::from).collect()),
        opener: verdict.opener,
        closed_first: verdict.closed_first,
        ended: verdict.ended.map(|ended| ended.name().into()),
        reset_by: match verdict.ended {
            Some(Ended::Reset { by }) => by,
            _ => None,
        },
        lasted_ns: verdict.lasted_ns,
        established_ns: verdict.established_ns,
        half_closed_ns: verdict.half_closed_ns,
        teardown_ns: verdict.teardown_ns,
        completeness: Some(verdict.completeness.name().into()),
        errno: match verdict.ended {
            Some(Ended::Unreachable { errno } | Ended::Error { errno }) => Some(errno),
            _ => None,
        },
        ..Line::default()
    }
}

impl From<&ConnectionEnd> for VerdictEnd<'_> {
    fn from(end: &ConnectionEnd) -> Self {
        Self {
            address: Some(end.address.address),
            port: end.address.is_set().then_some(end.address.port),
            socket: end.socket.map(|socket| socket.to_string().into()),
            state: end.state.map(|state| state.name().into()),
            process: end.owner.as_ref().map(Process::from),
            handshake_ns: end.handshake_ns,
            payload_bytes: end.payload,
            retransmits: end.retransmits,
        }
    }
}

/// The words for a context, and for what it is concluded from.
fn in_context(context: Option<Context>, line: Line<'static>) -> Line<'static> {
    let (context, evidence) = match context {
        None => (None, None),
        Some(Context::Process) => (Some("process"), None),
        Some(Context::Softirq) => (Some("softirq"), None),
        Some(Context::Inferred(from)) => (Some("inferred"), Some(from.name())),
    };
    Line { context: context.map(Into::into), evidence: evidence.map(Into::into), ..line }
}

impl From<Endpoint> for End {
    fn from(end: Endpoint) -> Self {
        Self { address: end.address, port: end.is_set().then_some(end.port) }
    }
}

impl<'a> From<&'a record::Unseen> for Unseen<'a> {
    fn from(unseen: &'a record::Unseen) -> Self {
        let record::Unseen { what, why } = unseen;
        Self { what: Some(what.into()), why: Some(why.into()) }
    }
}

impl From<&Owner> for Process<'_> {
    fn from(owner: &Owner) -> Self {
        let Owner { pid, comm, thread, uid, evidence, family: _ } = owner;
        Self {
            pid: Some(*pid),
            comm: Some(comm.to_text().into()),
            comm_hex: not_text(comm),
            thread: thread.as_ref().map(Thread::from),
            uid: Some(*uid),
            evidence: Some(evidence.name().into()),
        }
    }
}

impl From<&process::Thread> for Thread<'_> {
    fn from(thread: &process::Thread) -> Self {
        let process::Thread { tid, comm } = thread;
        Self { tid: Some(*tid), comm: Some(comm.to_text().into()), comm_hex: not_text(comm) }
    }
}

/// The bytes of a name that is not UTF-8, in hexadecimal.
fn not_text<'a>(comm: &Comm) -> Option<Text<'a>> {
    let bytes = comm.as_bytes();
    str::from_utf8(bytes).err()?;
    let hex = bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    Some(hex.into())
}

/// RFC 3339, UTC, always nine digits, so that it sorts as text.
#[must_use]
pub fn rfc3339(wall_ns: i64) -> String {
    Timestamp::from_nanosecond(wall_ns.into()).map_or_else(|_| String::new(), |time| format!("{time:.9}"))
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
