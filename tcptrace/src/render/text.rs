//! The timeline for people: one line per change.

use std::{
    borrow::Cow,
    io::{self, Write},
};

use anstyle::Style;

use super::{
    EXISTING_TEXT, Line, ORPHAN_TEXT, Phase, Render, TextStyle, append_short, describe_reset,
    describe_retransmit, describe_stuck, describe_transition, marked, report, short,
};
use crate::{
    address::Endpoint,
    connection::{ConnectionTable, Retain},
    escape::Escaped,
    pipeline::{Ending, Needs},
    process::Owner,
    record::{Loss, Record, Subject, Totals},
    tcp::TcpState,
    time::Moment,
};

/// The timeline, with a report of connections at the end.
#[derive(Clone, Debug)]
pub struct Text {
    style: TextStyle,
    /// The connections of the report.
    report: Retain,
    has_begun: bool,
}

/// Widths of the columns. Addresses grow with what is in them; two IPv4 ends on loopback fit exactly.
mod columns {
    pub(super) const TIME: usize = 15;
    pub(super) const CONNECTION: usize = 3;
    pub(super) const SINCE: usize = 8;
    pub(super) const ADDRESS: usize = 15;
    pub(super) const STATES: usize = 25;
    pub(super) const LASTED: usize = 7;
    pub(super) const OWNER: usize = 14;
    /// Width from which on everything fits into one row, with space for the words.
    pub(super) const ONE_ROW: usize = 145;
}

/// Bytes of most cells, so that they are made without asking for more room.
const USUAL: usize = 32;

impl Text {
    /// A timeline in this style, with a report of these connections.
    #[must_use]
    pub const fn new(style: TextStyle, report: Retain) -> Self {
        Self { style, report, has_begun: false }
    }

    fn head(&self) -> Line {
        let faint = self.style.palette.faint();
        self.shape(&Cells {
            time: ("TIME", faint),
            connection: "#",
            since: "SINCE",
            local: "LOCAL",
            remote: "REMOTE",
            states: (&format!("{:>11} → TO", "FROM"), faint),
            lasted: "LASTED",
            owner: ("PROCESS", faint),
            words: ("WHAT HAPPENED", faint),
        })
    }

    fn line(&self, told: &Told<'_>) -> Line {
        let plain = Style::new();
        let Subject { connection, tuple, .. } = told.subject;
        self.shape(&Cells {
            time: (&self.style.time(told.at), plain),
            connection: &connection
                .map_or_else(String::new, |id| ["#", itoa::Buffer::new().format(id.0)].concat()),
            since: &told.since_first_ns.map_or_else(String::new, since),
            local: &address(&tuple.local),
            remote: &address(&tuple.remote),
            states: (&told.states, self.style.palette.phase(told.phase)),
            lasted: &told.lasted_ns.map_or_else(|| "-".to_owned(), short),
            owner: (&process(told.subject, self.has_room()), plain),
            words: (&told.words, plain),
        })
    }

    /// Whether there is room for the name of a thread: at the end of the second row, or in a row that has some to spare.
    fn has_room(&self) -> bool {
        self.style.width.is_none_or(|width| !(columns::ONE_ROW..columns::ONE_ROW + 16).contains(&width))
    }

    /// All in one row; where that does not fit, what happened in the first row, and to whom in the second.
    fn shape(&self, cells: &Cells<'_>) -> Line {
        let faint = self.style.palette.faint();
        let line = Line::new(self.style.width).cell(columns::TIME, cells.time.1, cells.time.0);
        if self.style.width.is_none_or(|width| width >= columns::ONE_ROW) {
            return line
                .cell(columns::CONNECTION, faint, cells.connection)
                .right(columns::SINCE, faint, cells.since)
                .cell(columns::ADDRESS, faint, cells.local)
                .cell(columns::ADDRESS, faint, cells.remote)
                .cell(columns::STATES, cells.states.1, cells.states.0)
                .right(columns::LASTED, faint, cells.lasted)
                .cell(columns::OWNER, cells.owner.1, cells.owner.0)
                .prose(cells.words.1, cells.words.0);
        }
        line.cell(columns::STATES, cells.states.1, cells.states.0)
            .prose(cells.words.1, cells.words.0)
            .row()
            .right(columns::TIME, faint, cells.since)
            .cell(columns::CONNECTION, faint, cells.connection)
            .cell(columns::ADDRESS, faint, cells.local)
            .cell(columns::ADDRESS, faint, cells.remote)
            .right(columns::LASTED, faint, cells.lasted)
            .cell(0, cells.owner.1, cells.owner.0)
    }
}

/// The texts of one line; those with a style of their own bring it.
struct Cells<'a> {
    time: (&'a str, Style),
    connection: &'a str,
    since: &'a str,
    local: &'a str,
    remote: &'a str,
    states: (&'a str, Style),
    lasted: &'a str,
    owner: (&'a str, Style),
    words: (&'a str, Style),
}

/// Content of one line.
struct Told<'a> {
    at: Moment,
    subject: &'a Subject,
    since_first_ns: Option<u64>,
    states: String,
    phase: Phase,
    lasted_ns: Option<u64>,
    words: Cow<'static, str>,
}

impl Render for Text {
    fn needs(&self) -> Needs {
        let connections = self.report != Retain::None;
        Needs { connections, segments: connections, closed: self.report, final_dump: connections }
    }

    fn record(&mut self, out: &mut dyn Write, record: &Record) -> io::Result<()> {
        let line = match record {
            // One heading is enough: a recording may have several traces.
            Record::Start(_) if self.has_begun => return Ok(()),
            Record::Start(_) => {
                self.has_begun = true;
                self.head()
            }
            Record::Existing(found) => self.line(&Told {
                at: found.at,
                subject: &found.subject,
                since_first_ns: None,
                states: format!("{:>11}", found.state.name()),
                phase: Phase::of(found.state),
                lasted_ns: None,
                words: EXISTING_TEXT.into(),
            }),
            Record::Transition(step) => self.line(&Told {
                at: step.at,
                subject: &step.subject,
                since_first_ns: step.since_first_ns,
                states: arrow(step.from, step.to),
                phase: Phase::after(step.from, step.to, step.cause),
                lasted_ns: step.in_from_ns,
                words: describe_transition(step),
            }),
            Record::Orphan(orphan) => self.line(&Told {
                at: orphan.at,
                subject: &orphan.subject,
                since_first_ns: orphan.since_first_ns,
                states: format!("{:>11} stays", orphan.state.name()),
                phase: Phase::of(orphan.state),
                lasted_ns: None,
                words: marked(ORPHAN_TEXT.into(), orphan.context),
            }),
            Record::Retransmit(sent) => self.line(&Told {
                at: sent.at,
                subject: &sent.subject,
                since_first_ns: sent.since_first_ns,
                states: format!("{:>11}", sent.state.name()),
                phase: Phase::of(sent.state),
                lasted_ns: None,
                words: describe_retransmit(sent.state, sent.count).into(),
            }),
            Record::Reset(reset) => self.line(&Told {
                at: reset.at,
                subject: &reset.subject,
                since_first_ns: reset.since_first_ns,
                states: format!("{:>11}", reset.state.name()),
                phase: Phase::Broken,
                lasted_ns: None,
                words: describe_reset(reset.reason.as_deref()).into(),
            }),
            Record::Stuck(stuck) => self.line(&Told {
                at: stuck.at,
                subject: &stuck.subject,
                since_first_ns: None,
                states: format!("{:>11} stuck", stuck.state.name()),
                phase: Phase::Broken,
                lasted_ns: Some(stuck.for_ns),
                words: describe_stuck(stuck).into(),
            }),
            Record::Lost(lost) => Line::new(self.style.width)
                .cell(columns::TIME, self.style.palette.faint(), &self.style.time(lost.at))
                .prose(self.style.palette.phase(Phase::Broken), &describe_loss(lost.count, lost.reason)),
            // The report says it at the end.
            Record::Connection(_) | Record::End(_) => return Ok(()),
        };
        line.write(out)
    }

    fn finish(
        &mut self,
        out: &mut dyn Write,
        ending: &Ending,
        connections: &ConnectionTable,
    ) -> io::Result<()> {
        report::write(out, &self.style, ending, connections, self.report)?;
        writeln!(out, "{}", describe_totals(&ending.end.totals))
    }
}

/// `ESTABLISHED → FIN_WAIT1`, the arrows below each other.
#[must_use]
pub fn arrow(from: TcpState, to: TcpState) -> String {
    const INDENT: &str = "           ";
    let mut text = String::with_capacity(USUAL);
    text.push_str(&INDENT[from.name().len().min(INDENT.len())..]);
    for part in [from.name(), " → ", to.name()] {
        text.push_str(part);
    }
    text
}

/// `+17 µs`, `0` for the first.
#[must_use]
pub fn since(ns: u64) -> String {
    if ns == 0 {
        return "0".to_owned();
    }
    let mut text = String::with_capacity(16);
    text.push('+');
    append_short(&mut text, ns);
    text
}

fn address(end: &Endpoint) -> String {
    let mut text = String::with_capacity(USUAL);
    // Cannot fail: it goes to memory.
    let _ = end.write(&mut text);
    text
}

/// `2502/server`, `-` for nobody.
#[must_use]
pub fn owner(owner: Option<&Owner>) -> String {
    let Some(Owner { pid, comm, .. }) = owner else { return "-".to_owned() };
    let mut text = String::with_capacity(USUAL);
    text.push_str(itoa::Buffer::new().format(*pid));
    text.push('/');
    // Cannot fail: it goes to memory.
    let _ = comm.write(&mut text);
    text
}

/// `2502/server:worker-3@0123456789ab`: with the thread, if it has a name of its own and there is room, and with the
/// container, if it is in one.
fn process(subject: &Subject, room: bool) -> String {
    let mut process = owner(subject.owner.as_ref());
    if let Some(owner) = subject.owner.filter(|_| room)
        && let Some(thread) = owner.thread.filter(|thread| thread.comm != owner.comm)
    {
        process += &format!(":{}", thread.comm);
    }
    if let Some(id) = subject.cgroup.as_ref().and_then(|cgroup| cgroup.short_container()) {
        process += &format!("@{}", Escaped(id.as_bytes()));
    }
    process
}

/// `LOST 3 events`, and why.
#[must_use]
pub fn describe_loss(count: u64, reason: Loss) -> String {
    let why = match reason {
        Loss::RingFull => "the ring buffer was full (try a larger --buffer, or a filter)",
        Loss::Recursion => "the kernel skipped the program because it would have interrupted itself",
        Loss::Undecodable => "the records could not be read",
        Loss::Unreadable => "they could not be read",
    };
    let what = if reason == Loss::Unreadable { "line" } else { "event" };
    let of = if reason == Loss::Unreadable { " of the recording" } else { "" };
    format!("LOST {count} {what}{}{of}: {why}", if count == 1 { "" } else { "s" })
}

/// `12 seen = 12 shown + 0 filtered + 0 lost`.
#[must_use]
pub fn describe_totals(totals: &Totals) -> String {
    let Totals { seen, shown, filtered, lost } = totals;
    format!("{seen} events seen = {shown} shown + {filtered} filtered + {lost} lost")
}
