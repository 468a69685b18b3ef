//! The report as text: who opened, who closed first, every step of both ends, and what is left of it now.

use std::{
    collections::HashMap,
    io::{self, Write},
    time::Duration,
};

use anstyle::Style;

use super::{Account, FirstClose, Side, Step, What};
use crate::{
    record::{SocketId, Verdict},
    render::{
        EXISTING_WORDS, Line, ORPHAN_WORDS, Phase, Text, arrow, cause_words, owner, reset_words,
        sent_again_words, short, since, transition_words, verdict_words,
    },
    tcp::TcpState,
    time::Moment,
};

/// A socket as the kernel lists it at the end: what no event tells, like the end of `TIME_WAIT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its state.
    pub state: TcpState,
    /// When its timer expires, for those that end by themselves.
    pub expires: Option<Duration>,
}

/// The moment of the report.
#[derive(Clone, Debug)]
pub struct Now {
    /// When.
    pub at: Moment,
    /// The sockets that the kernel lists, by cookie; `None` if it could not be asked.
    pub listed: Option<HashMap<u64, Listed>>,
}

/// Columns of the steps: the times, and one for each side.
mod columns {
    pub(super) const TIME: usize = 15;
    pub(super) const SINCE: usize = 8;
    pub(super) const SIDE: usize = 25;
    /// What one row for all of it needs, with room for the words.
    pub(super) const ONE_ROW: usize = 112;
}

/// Writes accounts with the look of the timeline.
#[derive(Clone, Debug)]
pub struct Page<'a> {
    /// Time zone, colours, width.
    pub look: &'a Text,
    /// The end of the trace.
    pub now: Now,
    /// Whether it was recorded: then nobody knows what is there now.
    pub recorded: bool,
}

impl Page<'_> {
    /// Writes one connection.
    ///
    /// # Errors
    /// Only those of `out`.
    pub fn write(&self, out: &mut dyn Write, account: &Account) -> io::Result<()> {
        let heading = self.look.palette.heading();
        let faint = self.look.palette.faint();
        let Some(first) = account.sides.first() else { return Ok(()) };
        writeln!(
            out,
            "{heading}Connection #{}{heading:#}  {} ⇄ {}",
            account.id.0, first.tuple.local, first.tuple.remote
        )?;
        self.fact(out, "opened by", &opened(account))?;
        self.fact(out, "closed first by", &closed(account))?;
        if let Some(verdict) = Verdict::on(account, self.now.at, !account.is_settled()) {
            self.fact(out, "ended", &verdict_words(&verdict))?;
        }

        let mut addresses = Line::new(self.look.width).cell(columns::TIME, faint, "TIME");
        let mut owners = Line::new(self.look.width).cell(columns::TIME, faint, "");
        if self.is_wide() {
            addresses = addresses.right(columns::SINCE, faint, "SINCE");
            owners = owners.cell(columns::SINCE, faint, "");
        }
        for side in &account.sides {
            addresses = addresses.cell(columns::SIDE, faint, &side.tuple.local.to_string());
            owners = owners.cell(columns::SIDE, faint, &owner(side.owner.as_ref()));
        }
        addresses.write(out)?;
        owners.write(out)?;
        let start = account.steps.first().map(|step| step.at);
        for step in &account.steps {
            self.step(out, account, step, start)?;
        }
        if account.left_out > 0 {
            self.fact(
                out,
                "",
                &format!("and {} segments before the oldest of those above", account.left_out),
            )?;
        }
        for (i, side) in account.sides.iter().enumerate() {
            let label = match (i, self.recorded) {
                (0, false) => "now",
                (0, true) => "at the end",
                _ => "",
            };
            self.fact(out, label, &format!("{} {}", side.tuple.local, self.state_now(side)))?;
        }
        Ok(())
    }

    fn is_wide(&self) -> bool {
        self.look.width.is_none_or(|width| width >= columns::ONE_ROW)
    }

    fn fact(&self, out: &mut dyn Write, label: &str, text: &str) -> io::Result<()> {
        Line::new(self.look.width)
            .cell(columns::TIME, self.look.palette.faint(), label)
            .prose(Style::new(), text)
            .write(out)
    }

    fn step(
        &self,
        out: &mut dyn Write,
        account: &Account,
        step: &Step,
        start: Option<Moment>,
    ) -> io::Result<()> {
        let Some(side) = account.sides.get(step.side) else { return Ok(()) };
        let faint = self.look.palette.faint();
        let since = since(start.map_or(0, |start| step.at.since(start)));
        let (states, phase, words) = match step.what {
            What::Existing(state) => {
                (format!("{:>11}", state.name()), Phase::of(state), EXISTING_WORDS.to_owned())
            }
            What::Orphaned(state) => {
                (format!("{:>11} stays", state.name()), Phase::of(state), ORPHAN_WORDS.to_owned())
            }
            What::SentAgain(state, count) => {
                (format!("{:>11}", state.name()), Phase::of(state), sent_again_words(state, count))
            }
            What::Reset(state, ref reason) => {
                (format!("{:>11}", state.name()), Phase::Broken, reset_words(reason.as_deref()))
            }
            What::Changed(from, to, _, cause) => (
                arrow(from, to),
                Phase::after(from, to, cause),
                step.transition(side.subject()).map_or_else(String::new, |step| transition_words(&step)),
            ),
        };
        let sides = |mut line: Line, style, text: &str, last| {
            for column in 0..=last {
                line = line.cell(columns::SIDE, style, if column == step.side { text } else { "" });
            }
            line
        };
        let style = self.look.palette.phase(phase);
        let line = Line::new(self.look.width).cell(columns::TIME, Style::new(), &self.look.time(step.at));
        let line = if self.is_wide() {
            let line = line.right(columns::SINCE, faint, &since);
            sides(line, style, &states, account.sides.len() - 1).prose(Style::new(), &words)
        } else {
            let line = sides(line, style, &states, step.side).row().right(columns::TIME, faint, &since);
            sides(line, Style::new(), &words, step.side)
        };
        line.write(out)
    }

    /// What is left of a side now: the kernel's word where there is one, else what was told last.
    fn state_now(&self, side: &Side) -> String {
        let listed = match (side.socket, &self.now.listed) {
            (SocketId::Cookie(cookie), Some(listed)) => Some(listed.get(&cookie)),
            _ => None,
        };
        let age = side.since.map(|since| short(self.now.at.since(since)));
        let lasting = |state: TcpState| match &age {
            Some(age) if state == side.state => format!("{state} for {age}"),
            _ => state.to_string(),
        };
        let ends = |listed: Option<&Listed>| {
            listed.and_then(|listed| listed.expires).map_or_else(String::new, |expires| {
                format!(", {} more at most", short(u64::try_from(expires.as_nanos()).unwrap_or(u64::MAX)))
            })
        };
        let state = match listed {
            Some(Some(listed)) => listed.state,
            // The kernel has forgotten it: CLOSE, or the end of a stand-in, which no event tells.
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
                format!("{}: {ORPHAN_WORDS}{}", lasting(state), ends(entry))
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

fn opened(account: &Account) -> String {
    match account.opener().and_then(|index| account.sides.get(index)) {
        Some(side) => who(side),
        None if account.sides.iter().any(|side| side.existing) => "not seen: it was there before".to_owned(),
        None => match account.sides.as_slice() {
            [only] if account.accepted().is_some() => elsewhere(only),
            _ => "both ends, or not seen".to_owned(),
        },
    }
}

fn closed(account: &Account) -> String {
    let because =
        |cause: Option<_>| cause.map_or_else(String::new, |cause| format!(": {}", cause_words(&cause)));
    let side = |index: usize| account.sides.get(index);
    match account.first_close() {
        None => "nobody yet".to_owned(),
        Some(FirstClose::Side(index, cause)) => {
            side(index).map_or_else(String::new, |side| format!("{}{}", who(side), because(cause)))
        }
        Some(FirstClose::Peer(index, cause)) => match (account.sides.as_slice(), index) {
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
