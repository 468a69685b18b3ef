//! The report as text: who opened, who closed first, every step of both ends, and what is left of it now.

use std::io::{self, Write};

use anstyle::Style;

use crate::{
    connection::{ConnectionHistory, ConnectionTable, FirstClose, Retain, Side, Step, What},
    pipeline::{Dumped, Ending},
    record::{ConnectionSummary, SocketId},
    render::{
        EXISTING_TEXT, Line, ORPHAN_TEXT, Phase, TextStyle, arrow, describe_cause, describe_reset,
        describe_retransmit, describe_summary, describe_transition, owner, short, since,
    },
    tcp::TcpState,
    time::Moment,
};

/// Columns of the steps: the times, and one for each side.
mod columns {
    pub(super) const TIME: usize = 15;
    pub(super) const SINCE: usize = 8;
    pub(super) const SIDE: usize = 25;
    /// Width that one row for all of it needs, with room for the words.
    pub(super) const ONE_ROW: usize = 112;
}

/// Writes the closing report: the latest connections, how many there were, and how many of them did not change.
///
/// # Errors
/// Only those of `out`.
pub(super) fn write(
    out: &mut dyn Write,
    style: &TextStyle,
    ending: &Ending,
    connections: &ConnectionTable,
    retain: Retain,
) -> io::Result<()> {
    let report = ConnectionReport { style, ending };
    let latest = connections.latest(retain);
    let here = latest.len() as u64;
    for history in latest {
        writeln!(out)?;
        report.write(out, &history)?;
    }
    writeln!(out)?;
    if retain == Retain::None {
        return Ok(());
    }
    let unchanged = connections.unchanged();
    let changed = connections.connections() - unchanged;
    if changed > here {
        writeln!(out, "{changed} connections, the latest {here} above (--report all for all)")?;
    }
    match unchanged {
        0 => Ok(()),
        1 => writeln!(out, "1 connection that was there before did not change"),
        _ => writeln!(out, "{unchanged} connections that were there before did not change"),
    }
}

/// The report on one connection, in the style of the timeline.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionReport<'a> {
    /// Time zone, colours, width.
    pub style: &'a TextStyle,
    /// The end of the trace.
    pub ending: &'a Ending,
}

impl ConnectionReport<'_> {
    /// Writes one connection.
    ///
    /// # Errors
    /// Only those of `out`.
    pub fn write(&self, out: &mut dyn Write, history: &ConnectionHistory) -> io::Result<()> {
        let heading = self.style.palette.heading();
        let faint = self.style.palette.faint();
        let Some(first) = history.sides.first() else { return Ok(()) };
        writeln!(
            out,
            "{heading}Connection #{}{heading:#}  {} ⇄ {}",
            history.id.0, first.tuple.local, first.tuple.remote
        )?;
        self.fact(out, "opened by", &opened(history))?;
        self.fact(out, "closed first by", &closed(history))?;
        let open_at = (!history.is_over()).then_some(self.ending.end.at);
        if let Some(summary) = ConnectionSummary::on(history, open_at) {
            self.fact(out, "ended", &describe_summary(&summary))?;
        }

        let mut addresses = Line::new(self.style.width).cell(columns::TIME, faint, "TIME");
        let mut owners = Line::new(self.style.width).cell(columns::TIME, faint, "");
        if self.is_wide() {
            addresses = addresses.right(columns::SINCE, faint, "SINCE");
            owners = owners.cell(columns::SINCE, faint, "");
        }
        for side in &history.sides {
            addresses = addresses.cell(columns::SIDE, faint, &side.tuple.local.to_string());
            owners = owners.cell(columns::SIDE, faint, &owner(side.owner.as_ref()));
        }
        addresses.write(out)?;
        owners.write(out)?;
        let start = history.steps.first().map(|step| step.at);
        for step in &history.steps {
            self.step(out, history, step, start)?;
        }
        if history.skipped > 0 {
            self.fact(
                out,
                "",
                &format!("and {} segments before the oldest of those above", history.skipped),
            )?;
        }
        for (i, side) in history.sides.iter().enumerate() {
            let label = match (i, self.ending.is_recorded) {
                (0, false) => "now",
                (0, true) => "at the end",
                _ => "",
            };
            self.fact(out, label, &format!("{} {}", side.tuple.local, self.state_now(side)))?;
        }
        Ok(())
    }

    fn is_wide(&self) -> bool {
        self.style.width.is_none_or(|width| width >= columns::ONE_ROW)
    }

    fn fact(&self, out: &mut dyn Write, label: &str, text: &str) -> io::Result<()> {
        Line::new(self.style.width)
            .cell(columns::TIME, self.style.palette.faint(), label)
            .prose(Style::new(), text)
            .write(out)
    }

    fn step(
        &self,
        out: &mut dyn Write,
        history: &ConnectionHistory,
        step: &Step,
        start: Option<Moment>,
    ) -> io::Result<()> {
        let Some(side) = history.sides.get(step.side) else { return Ok(()) };
        let faint = self.style.palette.faint();
        let since = since(start.map_or(0, |start| step.at.since(start)));
        let (states, phase, words) = match step.what {
            What::Existing(state) => {
                (format!("{:>11}", state.name()), Phase::of(state), EXISTING_TEXT.to_owned())
            }
            What::Orphaned(state) => {
                (format!("{:>11} stays", state.name()), Phase::of(state), ORPHAN_TEXT.to_owned())
            }
            What::Retransmitted(state, count) => {
                (format!("{:>11}", state.name()), Phase::of(state), describe_retransmit(state, count))
            }
            What::Reset(state, ref reason) => {
                (format!("{:>11}", state.name()), Phase::Broken, describe_reset(reason.as_deref()))
            }
            What::Changed(from, to, _, cause) => (
                arrow(from, to),
                Phase::after(from, to, cause),
                step.transition(side.subject())
                    .map_or_else(String::new, |step| describe_transition(&step).into_owned()),
            ),
        };
        let sides = |mut line: Line, style, text: &str, last| {
            for column in 0..=last {
                line = line.cell(columns::SIDE, style, if column == step.side { text } else { "" });
            }
            line
        };
        let style = self.style.palette.phase(phase);
        let line = Line::new(self.style.width).cell(columns::TIME, Style::new(), &self.style.time(step.at));
        let line = if self.is_wide() {
            let line = line.right(columns::SINCE, faint, &since);
            sides(line, style, &states, history.sides.len() - 1).prose(Style::new(), &words)
        } else {
            let line = sides(line, style, &states, step.side).row().right(columns::TIME, faint, &since);
            sides(line, Style::new(), &words, step.side)
        };
        line.write(out)
    }

    /// State of a side now: the kernel's word where there is one, else the last one that was emitted.
    fn state_now(&self, side: &Side) -> String {
        let listed = match (side.socket, &self.ending.dumped) {
            (SocketId::Cookie(cookie), Some(listed)) => Some(listed.get(&cookie)),
            _ => None,
        };
        let age = side.since.map(|since| short(self.ending.end.at.since(since)));
        let lasting = |state: TcpState| match &age {
            Some(age) if state == side.state => format!("{state} for {age}"),
            _ => state.to_string(),
        };
        let ends = |listed: Option<&Dumped>| {
            listed.and_then(|listed| listed.expires).map_or_else(String::new, |expires| {
                format!(", {} more at most", short(u64::try_from(expires.as_nanos()).unwrap_or(u64::MAX)))
            })
        };
        let state = match listed {
            Some(Some(listed)) => listed.state,
            // The kernel has forgotten it: CLOSE, or the end of a minisocket, which no event tells.
            Some(None) if side.state != TcpState::Close => {
                return format!("gone since; its last state was {}", side.state);
            }
            _ => side.state,
        };
        let entry = listed.flatten();
        match state {
            TcpState::Close => age.map_or_else(|| "CLOSE".to_owned(), |age| format!("closed {age} ago")),
            TcpState::TimeWait => {
                format!("{}: no process left, ends by itself{}", lasting(state), ends(entry))
            }
            TcpState::FinWait2 if side.orphan => {
                format!("{}: {ORPHAN_TEXT}{}", lasting(state), ends(entry))
            }
            TcpState::FinWait2 => format!("{}: the peer has not sent its FIN", lasting(state)),
            TcpState::CloseWait => format!(
                "{}: {} has not called close()",
                lasting(state),
                side.owner.as_ref().map_or_else(|| "its process".to_owned(), |who| owner(Some(who)))
            ),
            state => lasting(state),
        }
    }
}

fn opened(history: &ConnectionHistory) -> String {
    match history.opener().and_then(|index| history.sides.get(index)) {
        Some(side) => who(side),
        None if history.sides.iter().any(|side| side.existing) => "not seen: it was there before".to_owned(),
        None => match history.sides.as_slice() {
            [only] if history.accepted().is_some() => elsewhere(only),
            _ => "both ends, or not seen".to_owned(),
        },
    }
}

fn closed(history: &ConnectionHistory) -> String {
    let because =
        |cause: Option<_>| cause.map_or_else(String::new, |cause| format!(": {}", describe_cause(&cause)));
    let side = |index: usize| history.sides.get(index);
    match history.first_close() {
        None => "nobody yet".to_owned(),
        Some(FirstClose::Side(index, cause)) => {
            side(index).map_or_else(String::new, |side| format!("{}{}", who(side), because(cause)))
        }
        Some(FirstClose::Peer(index, cause)) => match (history.sides.as_slice(), index) {
            ([_, peer], 0) | ([peer, _], 1) => format!("{}{}", who(peer), because(cause)),
            _ => {
                side(index).map_or_else(String::new, |side| format!("{}{}", elsewhere(side), because(cause)))
            }
        },
        Some(FirstClose::Never(_, cause)) => format!("nobody, it never opened{}", because(cause)),
    }
}

/// The peer of a side, where it is no socket of this trace.
fn elsewhere(side: &Side) -> String {
    format!("{} (not a socket of this trace)", side.tuple.remote)
}

fn who(side: &Side) -> String {
    format!("{} {}", side.tuple.local, owner(side.owner.as_ref()))
}
