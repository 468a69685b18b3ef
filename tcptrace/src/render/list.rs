//! The sockets right now: what `netstat -anp` shows, and what each state means.

use std::io::{self, Write};

use anstyle::Style;
use unicode_width::UnicodeWidthStr as _;

use super::{Palette, Phase, layout, owner, short};
use crate::{
    dumped::{DumpedSocket, Timer},
    record::{RecordKind, SocketId, Subject},
    recording::{self, Object, Word, WriteJson},
    tcp::meaning,
    time::Moment,
};

/// The table for people.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// Colours.
    pub palette: Palette,
    /// Columns of the terminal; `None` never breaks a line.
    pub width: Option<usize>,
}

/// Widths that fit the rows at hand.
#[derive(Clone, Copy)]
struct Widths {
    local: usize,
    remote: usize,
    owner: usize,
    timer: usize,
}

impl Table {
    /// Writes all rows below one heading.
    ///
    /// # Errors
    /// Only those of `out`.
    pub fn write(&self, out: &mut dyn Write, sockets: &[DumpedSocket]) -> io::Result<()> {
        let widest = |least: usize, cell: &dyn Fn(&DumpedSocket) -> usize| {
            sockets.iter().map(cell).chain([least]).max().unwrap_or(least)
        };
        let widths = Widths {
            local: widest(5, &|found| found.tuple.local.to_string().len()),
            remote: widest(6, &|found| found.tuple.remote.to_string().len()),
            owner: widest(7, &|found| holder(found).width()),
            timer: widest(5, &|found| timer(found.timer.as_ref()).width()),
        };
        let faint = self.palette.faint();
        layout::Line::new(self.width)
            .cell(5, faint, "PROTO")
            .cell(widths.local, faint, "LOCAL")
            .cell(widths.remote, faint, "REMOTE")
            .cell(11, faint, "STATE")
            .cell(widths.owner, faint, "PROCESS")
            .right(6, faint, "RECV-Q")
            .right(6, faint, "SEND-Q")
            .cell(widths.timer, faint, "TIMER")
            .prose(faint, "MEANING")
            .write(out)?;
        sockets.iter().try_for_each(|found| self.row(out, widths, found))
    }

    fn row(&self, out: &mut dyn Write, widths: Widths, found: &DumpedSocket) -> io::Result<()> {
        let plain = Style::new();
        layout::Line::new(self.width)
            .cell(5, plain, if found.tuple.is_ipv6() { "tcp6" } else { "tcp" })
            .cell(widths.local, plain, &found.tuple.local.to_string())
            .cell(widths.remote, plain, &found.tuple.remote.to_string())
            .cell(11, self.palette.phase(Phase::of(found.state)), found.state.name())
            .cell(widths.owner, plain, &holder(found))
            .right(6, plain, &found.recv_q.to_string())
            .right(6, plain, &found.send_q.to_string())
            .cell(widths.timer, plain, &timer(found.timer.as_ref()))
            .prose(plain, meaning(found.state).short)
            .write(out)
    }
}

/// `2502/server`, `2502/server+3` if three more processes have it open, `-` for nobody.
fn holder(found: &DumpedSocket) -> String {
    let who = found.owner();
    let others = found.holder.as_ref().map_or(0, |holder| holder.others);
    match others {
        0 => owner(who.as_ref()),
        others => format!("{}+{others}", owner(who.as_ref())),
    }
}

/// `timewait 58.2 s`, `retransmit 1.20 s ×3`.
fn timer(timer: Option<&Timer>) -> String {
    let Some(Timer { kind, expires, retransmits }) = timer else { return "-".to_owned() };
    let left = short(u64::try_from(expires.as_nanos()).unwrap_or(u64::MAX));
    let again = if *retransmits == 0 { String::new() } else { format!(" ×{retransmits}") };
    format!("{} {left}{again}", kind.name())
}

/// Writes one socket as a JSON line of type `socket`.
///
/// # Errors
/// Only those of `out`.
pub fn write_listed(out: &mut dyn Write, at: Moment, found: &DumpedSocket) -> io::Result<()> {
    let subject = Subject {
        socket: SocketId::Cookie(found.cookie),
        connection: None,
        netns: Some(found.netns),
        tuple: found.tuple,
        owner: found.owner(),
        cgroup: found.cgroup.clone(),
    };
    let mut text = Vec::new();
    recording::append_line(&mut text, RecordKind::Existing, at, |line| {
        line.about(&subject)
            .state(Word(found.state.name()))
            .process(subject.owner)
            .other_holders(found.holder.as_ref().map(|holder| holder.others).filter(|others| *others > 0))
            .recv_queue(found.recv_q)
            .send_queue(found.send_q)
            .timer(found.timer);
    });
    out.write_all(&text)
}

impl WriteJson for Timer {
    fn write_json(&self, out: &mut Vec<u8>) {
        let Self { kind, expires, retransmits } = self;
        Object::<recording::Timer>::write(out, |timer| {
            timer
                .kind(Word(kind.name()))
                .expires_ms(u64::try_from(expires.as_millis()).unwrap_or(u64::MAX))
                .retransmits(*retransmits);
        });
    }
}
