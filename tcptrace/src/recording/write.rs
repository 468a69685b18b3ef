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

use super::{
    line::{End, Illegal, Line, Process, Quoted, Thread, Time, Unseen, VERSION, VerdictEnd},
    put::Put as _,
    text::Text,
};
use crate::{
    address::Endpoint,
    process::{self, Comm, Owner},
    record::{
        self, Cause, ConnectionEnd, Context, Ended, Existing, Lost, Numbers, Orphan, Record, Reset,
        Retransmit, Start, Subject, Totals, Transition, Verdict,
    },
    render::signal_name,
    tcp::TcpState,
    time::Moment,
    watch::advice,
};

/// Writes a record as one line.
///
/// # Errors
/// Only those of `out`.
pub fn write(out: &mut dyn Write, record: &Record) -> io::Result<()> {
    let mut text = Vec::with_capacity(1024);
    append(&mut text, record);
    // At one go, so that no buffer on the way hands on half a line.
    out.write_all(&text)
}

/// Appends a record as one line.
pub fn append(text: &mut Vec<u8>, record: &Record) {
    // Filled in place: it has room for every field of every record, and would be copied at each step.
    let mut line = Line::default();
    match record {
        Record::Start(start) => line.begin(start),
        Record::Existing(Existing { at, subject, state }) => {
            line.head("socket", *at);
            line.about(subject);
            line.state = Some(Text::Ours(state.name()));
        }
        Record::Transition(step) => line.step(step),
        Record::Orphan(Orphan { at, subject, state, since_first_ns, context }) => {
            line.head("orphan", *at);
            line.about(subject);
            line.in_state(*state, *since_first_ns);
            line.in_context(*context);
        }
        Record::Retransmit(Retransmit { at, subject, state, count, since_first_ns }) => {
            line.head("retransmit", *at);
            line.about(subject);
            line.in_state(*state, *since_first_ns);
            line.count = Some(*count);
        }
        Record::Reset(Reset { at, subject, state, reason, since_first_ns }) => {
            line.head("reset", *at);
            line.about(subject);
            line.in_state(*state, *since_first_ns);
            line.reason = reason.as_deref().map(Into::into);
        }
        Record::Stuck(stuck) => {
            line.head("stuck", stuck.at);
            line.about(&stuck.subject);
            line.in_state(stuck.state, None);
            line.count = Some(stuck.count);
            line.for_ns = Some(stuck.for_ns);
            line.at_least = stuck.at_least.then_some(true);
            line.fd = stuck.fd;
            line.advice = Some(advice(stuck.state).into());
        }
        Record::Connection(verdict) => line.judge(verdict),
        Record::Lost(Lost { at, count, reason }) => {
            line.head("lost", *at);
            line.count = Some(*count);
            line.reason = Some(Text::Ours(reason.name()));
        }
        Record::End(record::End { at, totals: Totals { seen, shown, filtered, lost }, illegal }) => {
            line.head("end", *at);
            line.illegal = Some(*illegal).filter(|count| *count > 0).map(Illegal::Steps);
            line.seen = Some(*seen);
            line.shown = Some(*shown);
            line.filtered = Some(*filtered);
            line.lost = Some(*lost);
        }
    }
    line.append_to(text);
}

impl<'a> Line<'a> {
    /// What every line has.
    pub(crate) fn head(&mut self, kind: &'static str, at: Moment) {
        self.v = Some(VERSION);
        self.kind = Some(Text::Ours(kind));
        self.time = Some(Time(at.wall_ns));
        self.mono_ns = Some(at.mono_ns);
    }

    /// Which socket it is about, and whose that is.
    pub(crate) fn about(&mut self, subject: &'a Subject) {
        let Subject { socket, connection, netns, tuple, owner, cgroup } = subject;
        let remote = tuple.remote;
        self.socket = Some(Quoted(*socket));
        self.connection = connection.map(|id| Quoted(id.0));
        self.family = Some(family(tuple.is_ipv6()));
        self.netns = netns.map(|netns| Quoted(netns.0.into()));
        self.cgroup = cgroup.as_ref().map(|cgroup| cgroup.path.as_str().into());
        self.container = cgroup.as_ref().and_then(|cgroup| cgroup.container.as_deref()).map(Into::into);
        self.local = Some(tuple.local.into());
        // A socket that listens has no other end.
        self.remote = (remote.is_set() || !remote.address.is_unspecified()).then(|| remote.into());
        self.process = owner.as_ref().map(Process::from);
    }

    /// Appends it as a line.
    pub(crate) fn append_to(&self, text: &mut Vec<u8>) {
        self.put(text);
        text.push(b'\n');
    }

    fn begin(&mut self, start: &'a Start) {
        let Start { at, version, probe, fallback, kernel, filter, sees, unseen } = start;
        self.head("start", *at);
        self.version = Some(version.into());
        self.kernel = Some(kernel.into());
        self.probe = Some(probe.into());
        self.probe_fallback = fallback.as_deref().map(Into::into);
        self.filter = Some(filter).filter(|filter| !filter.is_empty()).map(Into::into);
        self.sees = Some(sees.iter().map(Into::into).collect());
        self.unseen = (!unseen.is_empty()).then(|| unseen.iter().map(Unseen::from).collect());
    }

    fn step(&mut self, step: &'a Transition) {
        let Transition { at, subject, from, to, in_from_ns, since_first_ns, context, cause, numbers } = step;
        self.head("transition", *at);
        self.about(subject);
        self.from = Some(Text::Ours(from.name()));
        self.to = Some(Text::Ours(to.name()));
        self.in_from_ns = *in_from_ns;
        self.since_first_ns = *since_first_ns;
        self.in_context(*context);
        self.illegal = step.is_illegal().then_some(Illegal::Step(true));
        if let Some(cause) = cause {
            self.cause = Some(Text::Ours(cause.name()));
            self.cause_inferred = cause.is_inferred().then_some(true);
            match *cause {
                Cause::Shutdown { both } => self.how = Some(Text::Ours(if both { "both" } else { "write" })),
                Cause::Killed { signal } => self.signal = Some(signal_name(signal).into()),
                Cause::Unreachable { errno } | Cause::Error { errno } => self.errno = Some(errno),
                _ => {}
            }
        }
        if let Some(Numbers { srtt_us, retransmits, bytes_sent, bytes_acked, bytes_received }) = *numbers {
            self.srtt_us = srtt_us;
            self.retransmits = Some(retransmits);
            self.bytes_sent = Some(bytes_sent);
            self.bytes_acked = Some(bytes_acked);
            self.bytes_received = Some(bytes_received);
        }
    }

    fn judge(&mut self, verdict: &'a Verdict) {
        self.head("connection", verdict.at);
        self.connection = Some(Quoted(verdict.connection.0));
        self.family = Some(family(verdict.ends.iter().any(|end| end.address.address.is_ipv6())));
        self.netns = verdict.netns.map(|netns| Quoted(netns.0.into()));
        self.open = Some(verdict.open);
        self.ends = Some(verdict.ends.iter().map(VerdictEnd::from).collect());
        self.opener = verdict.opener;
        self.closed_first = verdict.closed_first;
        self.lasted_ns = verdict.lasted_ns;
        self.established_ns = verdict.established_ns;
        self.half_closed_ns = verdict.half_closed_ns;
        self.teardown_ns = verdict.teardown_ns;
        self.completeness = Some(Text::Ours(verdict.completeness.name()));
        self.ended = verdict.ended.map(|ended| Text::Ours(ended.name()));
        match verdict.ended {
            Some(Ended::Reset { by }) => self.reset_by = by,
            Some(Ended::Unreachable { errno } | Ended::Error { errno }) => self.errno = Some(errno),
            _ => {}
        }
    }

    fn in_state(&mut self, state: TcpState, since_first_ns: Option<u64>) {
        self.state = Some(Text::Ours(state.name()));
        self.since_first_ns = since_first_ns;
    }

    /// The words for a context, and for what it is concluded from.
    fn in_context(&mut self, context: Option<Context>) {
        let (word, evidence) = match context {
            None => return,
            Some(Context::Process) => ("process", None),
            Some(Context::Softirq) => ("softirq", None),
            Some(Context::Inferred(from)) => ("inferred", Some(from.name())),
        };
        self.context = Some(Text::Ours(word));
        self.evidence = evidence.map(Text::Ours);
    }
}

const fn family(is_ipv6: bool) -> Text<'static> {
    Text::Ours(if is_ipv6 { "ipv6" } else { "ipv4" })
}

impl<'a> From<&'a ConnectionEnd> for VerdictEnd<'a> {
    fn from(end: &'a ConnectionEnd) -> Self {
        Self {
            address: Some(end.address.address),
            port: end.address.is_set().then_some(end.address.port),
            socket: end.socket.map(Quoted),
            state: end.state.map(|state| Text::Ours(state.name())),
            process: end.owner.as_ref().map(Process::from),
            handshake_ns: end.handshake_ns,
            payload_bytes: end.payload,
            retransmits: end.retransmits,
        }
    }
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

impl<'a> From<&'a Owner> for Process<'a> {
    fn from(owner: &'a Owner) -> Self {
        let Owner { pid, comm, thread, uid, evidence, family: _ } = owner;
        let (comm, comm_hex) = name(comm);
        Self {
            pid: Some(*pid),
            comm: Some(comm),
            comm_hex,
            thread: thread.as_ref().map(Thread::from),
            uid: Some(*uid),
            evidence: Some(Text::Ours(evidence.name())),
        }
    }
}

impl<'a> From<&'a process::Thread> for Thread<'a> {
    fn from(thread: &'a process::Thread) -> Self {
        let process::Thread { tid, comm } = thread;
        let (comm, comm_hex) = name(comm);
        Self { tid: Some(*tid), comm: Some(comm), comm_hex }
    }
}

/// A name as text, and if it is not UTF-8 its bytes in hexadecimal.
fn name(comm: &Comm) -> (Text<'_>, Option<Text<'_>>) {
    let bytes = comm.as_bytes();
    if let Ok(name) = str::from_utf8(bytes) {
        return (name.into(), None);
    }
    let hex = bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    (String::from_utf8_lossy(bytes).into(), Some(hex.into()))
}
