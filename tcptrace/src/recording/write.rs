//! Records to lines.
//!
//! 64-bit ids are strings, because many readers keep only 53 bits; durations are integers with the unit in the name;
//! what is not known is not there. Characters that end a line, move a cursor or turn the text somewhere are escaped, so
//! a name from outside can do nothing to a terminal or to a reader of lines.

use std::io::{self, Write};

use super::{
    line::{End, Line, Process, SummaryEnd, Thread, Unseen, VERSION},
    names,
    text::{Hex, Word},
    values::{Illegal, Quoted, Time},
    write_json::{Object, WriteJson},
};
use crate::{
    address::Endpoint,
    process::{self, Owner, signal_name},
    record::{
        self, CauseDetails, ConnectionEnd, ConnectionSummary, Context, Existing, Lost, Numbers, Orphan,
        Outcome, OutcomeDetails, Record, RecordKind, Reset, Retransmit, Start, Stuck, Subject, Totals,
        Transition,
    },
    tcp::{TcpState, advice},
    time::Moment,
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
    // A line of its own for each kind, so that the compiler knows its name: 80 instructions fewer than with
    // `record.kind()`.
    match record {
        Record::Start(start) => append_line(text, RecordKind::Start, start.at, |line| line.begin(start)),
        Record::Existing(Existing { at, subject, state }) => {
            append_line(text, RecordKind::Existing, *at, |line| {
                line.about(subject).state(Word(state.name())).process(subject.owner);
            });
        }
        Record::Transition(step) => {
            append_line(text, RecordKind::Transition, step.at, |line| line.step(step));
        }
        Record::Orphan(Orphan { at, subject, state, since_first_ns, context }) => {
            append_line(text, RecordKind::Orphan, *at, |line| {
                line.about(subject)
                    .in_state(*state, *since_first_ns)
                    .in_context(*context)
                    .process(subject.owner);
            });
        }
        Record::Retransmit(Retransmit { at, subject, state, count, since_first_ns }) => {
            append_line(text, RecordKind::Retransmit, *at, |line| {
                line.about(subject).in_state(*state, *since_first_ns).process(subject.owner).count(*count);
            });
        }
        Record::Reset(Reset { at, subject, state, reason, since_first_ns }) => {
            append_line(text, RecordKind::Reset, *at, |line| {
                line.about(subject)
                    .in_state(*state, *since_first_ns)
                    .process(subject.owner)
                    .reason(reason.as_ref());
            });
        }
        Record::Stuck(stuck) => append_line(text, RecordKind::Stuck, stuck.at, |line| line.stuck(stuck)),
        Record::Connection(summary) => {
            append_line(text, RecordKind::Connection, summary.at, |line| line.summary(summary));
        }
        Record::Lost(Lost { at, count, reason }) => append_line(text, RecordKind::Lost, *at, |line| {
            line.count(*count).reason(Word(reason.name()));
        }),
        Record::End(end) => append_line(text, RecordKind::End, end.at, |line| line.finish(end)),
    }
}

/// Appends a line: the fields that each of them has, and those that `fill` adds.
#[inline]
pub(crate) fn append_line(
    text: &mut Vec<u8>,
    kind: RecordKind,
    at: Moment,
    fill: impl FnOnce(&mut Object<'_, Line>),
) {
    Object::write(text, |line| {
        fill(line.v(VERSION).kind(Word(kind.name())).time(Time(at.wall_ns)).mono_ns(at.mono_ns));
    });
    text.push(b'\n');
}

impl Object<'_, Line> {
    /// Fields of the subject but for its owner, which comes after what happened to it.
    pub(crate) fn about(&mut self, subject: &Subject) -> &mut Self {
        let Subject { socket, connection, netns, tuple, owner: _, cgroup } = subject;
        let remote = tuple.remote;
        self.socket(Quoted(*socket))
            .connection(connection.map(|id| Quoted(id.0)))
            .family(family(tuple.is_ipv6()))
            .netns(netns.map(|netns| Quoted(netns.0)))
            .cgroup(cgroup.as_ref().map(|cgroup| &cgroup.path))
            .container(cgroup.as_ref().and_then(|cgroup| cgroup.container.as_ref()))
            .local(tuple.local)
            // A socket that listens has no other end.
            .remote((remote.is_set() || !remote.address.is_unspecified()).then_some(remote))
    }

    fn begin(&mut self, start: &Start) {
        let Start { at: _, version, probe, fallback, kernel, filter, sees, unseen } = start;
        self.version(version)
            .kernel(kernel)
            .probe(probe)
            .probe_fallback(fallback.as_ref())
            .filter(Some(filter).filter(|filter| !filter.is_empty()))
            .sees(sees.as_slice())
            .unseen(Some(unseen.as_slice()).filter(|unseen| !unseen.is_empty()));
    }

    fn step(&mut self, step: &Transition) {
        let Transition { at: _, subject, from, to, in_from_ns, since_first_ns, context, cause, numbers } =
            step;
        self.about(subject)
            .from(Word(from.name()))
            .to(Word(to.name()))
            .in_from_ns(*in_from_ns)
            .since_first_ns(*since_first_ns)
            .in_context(*context)
            .process(subject.owner);
        if let Some(cause) = cause {
            let CauseDetails { both, signal, errno } = cause.details();
            self.cause(Word(cause.name()))
                .cause_inferred(cause.is_inferred().then_some(true))
                .how(both.map(|both| Word(names::how(both))))
                .signal(signal.map(signal_name))
                .errno(errno);
        }
        self.illegal(step.is_illegal().then_some(Illegal::Step(true)));
        if let Some(Numbers { srtt_us, retransmits, bytes_sent, bytes_acked, bytes_received }) = *numbers {
            self.srtt_us(srtt_us)
                .retransmits(retransmits)
                .bytes_sent(bytes_sent)
                .bytes_acked(bytes_acked)
                .bytes_received(bytes_received);
        }
    }

    fn stuck(&mut self, stuck: &Stuck) {
        let Stuck { at: _, subject, state, for_ns, at_least, count, fd } = stuck;
        self.about(subject)
            .in_state(*state, None)
            .process(subject.owner)
            .count(*count)
            .for_ns(*for_ns)
            .at_least(at_least.then_some(true))
            .fd(*fd)
            .advice(advice(*state));
    }

    fn finish(&mut self, end: &record::End) {
        let record::End { at: _, totals: Totals { seen, shown, filtered, lost }, illegal } = end;
        self.illegal(Some(*illegal).filter(|count| *count > 0).map(Illegal::Steps))
            .seen(*seen)
            .shown(*shown)
            .filtered(*filtered)
            .lost(*lost);
    }

    fn summary(&mut self, summary: &ConnectionSummary) {
        let OutcomeDetails { by, errno } = summary.outcome.map(Outcome::details).unwrap_or_default();
        self.connection(Quoted(summary.connection.0))
            .family(family(summary.ends.iter().any(|end| end.address.address.is_ipv6())))
            .netns(summary.netns.map(|netns| Quoted(netns.0)))
            .open(summary.open)
            .ends(summary.ends.as_slice())
            .opener(summary.opener)
            .closed_first(summary.closed_first)
            .ended(summary.outcome.map(|ended| Word(ended.name())))
            .reset_by(by)
            .lasted_ns(summary.lasted_ns)
            .established_ns(summary.established_ns)
            .half_closed_ns(summary.half_closed_ns)
            .teardown_ns(summary.teardown_ns)
            .completeness(Word(summary.completeness.name()))
            .errno(errno);
    }

    fn in_state(&mut self, state: TcpState, since_first_ns: Option<u64>) -> &mut Self {
        self.state(Word(state.name())).since_first_ns(since_first_ns)
    }

    /// The context, and what it is concluded from.
    fn in_context(&mut self, context: Option<Context>) -> &mut Self {
        match context {
            None => self,
            Some(Context::Process) => self.context(Word(names::PROCESS)),
            Some(Context::Softirq) => self.context(Word(names::SOFTIRQ)),
            Some(Context::Inferred(from)) => self.context(Word(names::INFERRED)).evidence(Word(from.name())),
        }
    }
}

const fn family(is_ipv6: bool) -> Word {
    Word(if is_ipv6 { "ipv6" } else { "ipv4" })
}

impl WriteJson for ConnectionEnd {
    fn write_json(&self, out: &mut Vec<u8>) {
        let Self { address, socket, state, owner, handshake_ns, payload, retransmits } = self;
        Object::<SummaryEnd>::write(out, |end| {
            end.address(address.address)
                .port(address.is_set().then_some(address.port))
                .socket(socket.map(Quoted))
                .state(state.map(|state| Word(state.name())))
                .process(*owner)
                .handshake_ns(*handshake_ns)
                .payload_bytes(*payload)
                .retransmits(*retransmits);
        });
    }
}

impl WriteJson for Endpoint {
    fn write_json(&self, out: &mut Vec<u8>) {
        Object::<End>::write(out, |end| {
            end.address(self.address).port(self.is_set().then_some(self.port));
        });
    }
}

impl WriteJson for record::Unseen {
    fn write_json(&self, out: &mut Vec<u8>) {
        let Self { what, why } = self;
        Object::<Unseen>::write(out, |unseen| {
            unseen.what(what).why(why);
        });
    }
}

impl WriteJson for Owner {
    fn write_json(&self, out: &mut Vec<u8>) {
        let Self { pid, comm, thread, uid, evidence, in_process_tree: _ } = self;
        Object::<Process>::write(out, |process| {
            process
                .pid(*pid)
                .comm(*comm)
                .comm_hex(Hex(comm))
                .thread(*thread)
                .uid(*uid)
                .evidence(Word(evidence.name()));
        });
    }
}

impl WriteJson for process::Thread {
    fn write_json(&self, out: &mut Vec<u8>) {
        let Self { tid, comm } = self;
        Object::<Thread>::write(out, |thread| {
            thread.tid(*tid).comm(*comm).comm_hex(Hex(comm));
        });
    }
}
