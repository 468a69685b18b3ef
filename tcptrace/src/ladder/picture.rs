//! The ladder drawn with characters, between 72 and 100 columns wide.
//!
//! ```text
//!      TIME       STATE │              lane               │ STATE       TIME
//!         0    SYN_SENT ├───────────── SYN ──────────────▶│ SYN_RECV    +20 µs
//! ```

use std::fmt::Write as _;

use anstyle::Style;
use unicode_width::UnicodeWidthStr as _;

use super::{Arrow, End, Ladder, Presence, Row, StateMark};
use crate::{
    render::{TextStyle, owner, since},
    tcp::TcpState,
};

/// Columns of a time, and of a state.
const TIME: usize = 8;
const STATE: usize = 11;
/// What a row needs besides the lane: the times, the states, both sides, and the spaces between them.
const FRAME: usize = 2 * (TIME + 1 + STATE + 1 + 1);
/// Where nothing tells the width.
const USUAL: usize = 80;

/// A ladder as it is drawn.
#[derive(Debug)]
pub struct Picture<'a> {
    style: &'a TextStyle,
    ladder: &'a Ladder,
    /// Columns between the sides; odd, so that it has a middle.
    lane: usize,
    /// Which ends have come to their `CLOSE`.
    over: [bool; 2],
    text: String,
}

impl<'a> Picture<'a> {
    /// A picture that has yet to be drawn.
    #[must_use]
    pub fn new(style: &'a TextStyle, ladder: &'a Ladder) -> Self {
        let width = style.width.unwrap_or(USUAL).clamp(72, 100);
        let lane = (width - FRAME - 1) | 1;
        Self { style, ladder, lane, over: [false; 2], text: String::new() }
    }

    /// Draws it: whole lines.
    #[must_use]
    pub fn draw(mut self) -> String {
        self.head();
        for row in &self.ladder.rows {
            match row {
                Row::Still(marks) => self.still(marks),
                Row::Arrow(arrow) => self.arrow(arrow),
                Row::Crossing(right, left) => self.crossing(right, left),
                Row::Departs(arrow) => self.half(arrow, true),
                Row::Arrives(arrow) => self.half(arrow, false),
            }
        }
        self.tail();
        self.text
    }

    fn head(&mut self) {
        let (style, ladder) = (self.style, self.ladder);
        let (bold, faint) = (style.palette.heading(), style.palette.faint());
        let began = ladder.began.map_or_else(String::new, |at| format!("  {}", style.time(at)));
        let _ = writeln!(self.text, "{bold}Connection #{}{bold:#}{began}", ladder.id.0);
        if ladder.roles {
            self.both(faint, ["client", "server"]);
        }
        let [left, right] = &ladder.ends;
        self.both(Style::new(), [&left.address.to_string(), &right.address.to_string()]);
        self.both(Style::new(), [&who(left), &who(right)]);
    }

    /// Something about each end, above its side; the right one goes on in the next row if there is no room.
    fn both(&mut self, style: Style, [left, right]: [&str; 2]) {
        let width = FRAME + self.lane;
        let room = width.saturating_sub(left.width() + right.width());
        if room >= 2 || left.is_empty() {
            let _ = writeln!(self.text, "{style}{left}{}{right}{style:#}", " ".repeat(room));
        } else {
            let indent = " ".repeat(width.saturating_sub(right.width()));
            let _ = writeln!(self.text, "{style}{left}\n{indent}{right}{style:#}");
        }
    }

    fn still(&mut self, marks: &[Option<StateMark>; 2]) {
        let words = |place: usize| marks[place].as_ref().map_or("", |mark| mark.words.as_str());
        let room = self.lane - 1;
        // Both have the same to say, or only one of them speaks.
        let lane = match (words(0), words(1)) {
            (left, right) if left == right => format!("{:^width$}", clip(left, room - 1), width = self.lane),
            (left, "") => format!(" {:<room$}", clip(left, room)),
            (_, right) => format!("{:>room$} ", clip(right, room)),
        };
        self.row([marks[0].as_ref(), marks[1].as_ref()], &lane, [false; 2]);
    }

    fn arrow(&mut self, arrow: &Arrow) {
        let (label, rest) = self.label(arrow, self.lane - 4);
        let line = if arrow.unanswered {
            let solid = dashes(&label, self.lane * 2 / 3, '─');
            let dotted = "╌".repeat(self.lane - 2 - solid.width());
            if arrow.from == 0 { format!("{solid}{dotted}? ") } else { format!(" ?{dotted}{solid}") }
        } else {
            let line = dashes(&label, self.lane - 1, '─');
            if arrow.from == 0 { format!("{line}▶") } else { format!("◀{line}") }
        };
        let marks = match arrow.from {
            0 => [arrow.sent.as_ref(), arrow.received.as_ref()],
            _ => [arrow.received.as_ref(), arrow.sent.as_ref()],
        };
        self.row(marks, &line, [arrow.from == 0, arrow.from == 1]);
        self.rest(arrow, rest);
    }

    /// Two arrows with one slant each: they meet in the middle.
    fn crossing(&mut self, right: &Arrow, left: &Arrow) {
        let half = (self.lane - 3) / 2;
        let [(there, there_rest), (back, back_rest)] =
            [right, left].map(|arrow| self.label(arrow, half.saturating_sub(2)));
        let gap = " ".repeat(half + 1);
        let depart = format!("{}╲ ╱{}", dashes(&there, half, '─'), dashes(&back, half, '─'));
        self.row([right.sent.as_ref(), left.sent.as_ref()], &depart, [true; 2]);
        self.row([None, None], &format!("{gap}╳{gap}"), [false; 2]);
        let line = "─".repeat(half - 1);
        let marks = [left.received.as_ref(), right.received.as_ref()];
        self.row(marks, &format!("◀{line}╱ ╲{line}▶"), [false; 2]);
        self.rest(right, there_rest);
        self.rest(left, back_rest);
    }

    /// The first or the second half of an arrow that takes long.
    fn half(&mut self, arrow: &Arrow, departs: bool) {
        let half = (self.lane - 1) / 2;
        let (label, rest) = self.label(arrow, half.saturating_sub(3));
        let blank = " ".repeat(half);
        let line = dashes(&label, if departs { half } else { half - 1 }, '─');
        let lane = match (departs, arrow.from) {
            (true, 0) => format!("{line}╲{blank}"),
            (true, _) => format!("{blank}╱{line}"),
            (false, 0) => format!("{blank}╲{line}▶"),
            (false, _) => format!("◀{line}╱{blank}"),
        };
        let mark = if departs { &arrow.sent } else { &arrow.received };
        let place = if departs { arrow.from } else { 1 - arrow.from };
        let marks = [0, 1].map(|at| mark.as_ref().filter(|_| at == place));
        self.row(marks, &lane, [departs && place == 0, departs && place == 1]);
        self.rest(arrow, rest);
    }

    /// What is written on an arrow, and what does not fit on it.
    fn label<'b>(&self, arrow: &'b Arrow, room: usize) -> (String, &'b str) {
        let name = arrow.segment.name();
        let words = arrow.words.as_str();
        let all = format!("{name}: {words}");
        match words {
            "" => (name.to_owned(), ""),
            _ if all.width() + 2 <= room => (all, ""),
            _ => (name.to_owned(), words),
        }
    }

    /// Words that did not fit on an arrow, beside its sender.
    fn rest(&mut self, arrow: &Arrow, words: &str) {
        if !words.is_empty() {
            let room = self.lane - 1;
            let words = clip(&format!("{}: {words}", arrow.segment.name()), room);
            let lane = if arrow.from == 0 { format!(" {words:<room$}") } else { format!("{words:>room$} ") };
            self.row([None, None], &lane, [false; 2]);
        }
    }

    /// What is not over goes on.
    fn tail(&mut self) {
        let [left, right] = self.ladder.goes_on.map(|goes_on| if goes_on { "⋮" } else { "" });
        if !(left.is_empty() && right.is_empty()) {
            let (indent, lane) = (" ".repeat(FRAME / 2 - 1), " ".repeat(self.lane));
            let left = format!("{left:1}");
            let _ = writeln!(self.text, "{}", format!("{indent}{left}{lane}{right}").trim_end());
        }
    }

    /// One row: times and states outside, the sides, and the lane between them.
    fn row(&mut self, marks: [Option<&StateMark>; 2], lane: &str, departs: [bool; 2]) {
        let plain = Style::new();
        let faint = self.style.palette.faint();
        let time =
            |mark: Option<&StateMark>| mark.and_then(|mark| mark.since_ns).map_or_else(String::new, since);
        let state = |mark: Option<&StateMark>| mark.map_or("", |mark| name(mark.state));
        let style =
            |mark: Option<&StateMark>| mark.map_or(plain, |mark| self.style.palette.phase(mark.phase));
        let [left, right] = marks;
        let (begin, end) = (style(left), style(right));
        let edges = [0, 1].map(|place| self.edge(place, marks[place], departs[place]));
        let mut row = format!(
            "{faint}{:>TIME$}{faint:#} {begin}{:>STATE$}{begin:#} {}{lane}{}",
            time(left),
            state(left),
            edges[0],
            edges[1]
        );
        if right.is_some() {
            let _ =
                write!(row, " {end}{:<STATE$}{end:#} {faint}{:>TIME$}{faint:#}", state(right), time(right));
        }
        let _ = writeln!(self.text, "{}", row.trim_end());
        // The state before the first step is CLOSE too, but it has no time.
        for (over, mark) in self.over.iter_mut().zip(marks) {
            *over |= mark.is_some_and(|mark| mark.state == TcpState::Close && mark.since_ns.is_some());
        }
    }

    /// One character of a side: broken where nothing is known, nothing where it is over.
    fn edge(&self, place: usize, mark: Option<&StateMark>, departs: bool) -> char {
        match (self.ladder.ends[place].presence, departs) {
            (Presence::Elsewhere | Presence::Itself, _) => '┊',
            _ if self.over[place] && mark.is_none() => ' ',
            (_, true) if place == 0 => '├',
            (_, true) => '┤',
            _ => '│',
        }
    }
}

/// The name of a state for people: a request is in `SYN_RECV`.
pub(super) const fn name(state: TcpState) -> &'static str {
    match state {
        TcpState::NewSynRecv => TcpState::SynRecv.name(),
        state => state.name(),
    }
}

/// Whose an end is, or why that is not known.
pub(super) fn who(end: &End) -> String {
    match end.presence {
        Presence::Here => owner(end.owner.as_ref()),
        Presence::Elsewhere => "not a socket of this trace".to_owned(),
        Presence::Itself => "the same socket".to_owned(),
    }
}

/// A label in the middle of a line.
fn dashes(label: &str, width: usize, dash: char) -> String {
    let room = width.saturating_sub(label.width() + 2);
    let line = |count| std::iter::repeat_n(dash, count).collect::<String>();
    format!("{} {label} {}", line(room - room / 2), line(room / 2))
}

/// As much of the text as there is room for.
fn clip(text: &str, room: usize) -> String {
    if text.width() <= room {
        return text.to_owned();
    }
    let short: String = text.chars().take(room.saturating_sub(1)).collect();
    format!("{short}…")
}
