//! A ladder drawn with characters, between 72 and 100 columns wide.
//!
//! ```text
//!      TIME       STATE │              lane               │ STATE       TIME
//!         0    SYN_SENT ├───────────── SYN ──────────────▶│ SYN_RECV    +20 µs
//! ```

use std::fmt::Write as _;

use anstyle::Style;
use unicode_width::UnicodeWidthStr as _;

use super::{Arrow, End, Ladder, Pair, Presence, Row, Side, StateMark};
use crate::{
    render::{TextStyle, owner, since},
    tcp::TcpState,
};

/// Columns of a time.
const TIME: usize = 8;
/// Columns of a state.
const STATE: usize = 11;
/// Columns that a row needs besides the lane: the times, the states, both sides, and the spaces between them.
const FRAME: usize = 2 * (TIME + 1 + STATE + 1 + 1);
/// Columns of a picture where nothing tells the width.
const USUAL: usize = 80;

/// A ladder as it is drawn.
#[derive(Debug)]
pub struct Picture<'a> {
    style: &'a TextStyle,
    ladder: &'a Ladder,
    /// Columns between the sides; odd, so that it has a middle.
    lane: usize,
    /// Whether each end has come to its `CLOSE`.
    over: Pair<bool>,
    text: String,
}

impl<'a> Picture<'a> {
    /// Creates a picture that has yet to be drawn.
    #[must_use]
    pub fn new(style: &'a TextStyle, ladder: &'a Ladder) -> Self {
        let width = style.width.unwrap_or(USUAL).clamp(72, 100);
        let lane = (width - FRAME - 1) | 1;
        Self { style, ladder, lane, over: Pair::default(), text: String::new() }
    }

    /// Draws the picture, in whole lines.
    #[must_use]
    pub fn draw(mut self) -> String {
        self.head();
        for row in &self.ladder.rows {
            match row {
                Row::Still(marks) => self.still(marks),
                Row::Arrow(arrow) => self.arrow(arrow),
                Row::Crossing(arrows) => self.crossing(arrows),
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
            self.both(faint, Pair { left: "client", right: "server" });
        }
        for about in [|end: &End| end.address.to_string(), who] {
            let texts = ladder.ends.as_ref().map(about);
            self.both(Style::new(), texts.as_ref().map(String::as_str));
        }
    }

    /// Writes something about each end above its side; the right one goes to the next row if there is no room.
    fn both(&mut self, style: Style, Pair { left, right }: Pair<&str>) {
        let width = FRAME + self.lane;
        let room = width.saturating_sub(left.width() + right.width());
        if room >= 2 || left.is_empty() {
            let _ = writeln!(self.text, "{style}{left}{}{right}{style:#}", " ".repeat(room));
        } else {
            let indent = " ".repeat(width.saturating_sub(right.width()));
            let _ = writeln!(self.text, "{style}{left}\n{indent}{right}{style:#}");
        }
    }

    fn still(&mut self, marks: &Pair<Option<StateMark>>) {
        let words = marks.as_ref().map(|mark| mark.as_ref().map_or("", |mark| mark.words.as_str()));
        let room = self.lane - 1;
        // Both have the same to say, or only one of them speaks.
        let lane = match (words.left, words.right) {
            (left, right) if left == right => format!("{:^width$}", clip(left, room - 1), width = self.lane),
            (left, "") => format!(" {:<room$}", clip(left, room)),
            (_, right) => format!("{:>room$} ", clip(right, room)),
        };
        self.row(marks.as_ref().map(Option::as_ref), &lane, Pair::default());
    }

    fn arrow(&mut self, arrow: &Arrow) {
        let (label, rest) = self.label(arrow, self.lane - 4);
        let line = if arrow.unanswered {
            let solid = dashes(&label, self.lane * 2 / 3);
            let dotted = "╌".repeat(self.lane - 2 - solid.width());
            match arrow.from {
                Side::Left => format!("{solid}{dotted}? "),
                Side::Right => format!(" ?{dotted}{solid}"),
            }
        } else {
            let line = dashes(&label, self.lane - 1);
            match arrow.from {
                Side::Left => format!("{line}▶"),
                Side::Right => format!("◀{line}"),
            }
        };
        let marks = Pair::with(arrow.from, arrow.sent.as_ref(), arrow.received.as_ref());
        self.row(marks, &line, Pair::with(arrow.from, true, false));
        self.rest(arrow, rest);
    }

    /// Draws two arrows with one slant each, which meet in the middle.
    fn crossing(&mut self, arrows: &Pair<Arrow>) {
        let half = (self.lane - 3) / 2;
        let labels = arrows.as_ref().map(|arrow| self.label(arrow, half.saturating_sub(2)));
        let (there, back) = (&labels.left.0, &labels.right.0);
        let gap = " ".repeat(half + 1);
        let depart = format!("{}╲ ╱{}", dashes(there, half), dashes(back, half));
        self.row(arrows.as_ref().map(|arrow| arrow.sent.as_ref()), &depart, Pair { left: true, right: true });
        self.row(Pair::default(), &format!("{gap}╳{gap}"), Pair::default());
        let line = "─".repeat(half - 1);
        let marks = Pair::from_fn(|side| arrows[side.other()].received.as_ref());
        self.row(marks, &format!("◀{line}╱ ╲{line}▶"), Pair::default());
        self.rest(&arrows.left, labels.left.1);
        self.rest(&arrows.right, labels.right.1);
    }

    /// Draws the first or the second half of an arrow that takes long.
    fn half(&mut self, arrow: &Arrow, departs: bool) {
        let half = (self.lane - 1) / 2;
        let (label, rest) = self.label(arrow, half.saturating_sub(3));
        let blank = " ".repeat(half);
        let line = dashes(&label, if departs { half } else { half - 1 });
        let lane = match (departs, arrow.from) {
            (true, Side::Left) => format!("{line}╲{blank}"),
            (true, Side::Right) => format!("{blank}╱{line}"),
            (false, Side::Left) => format!("{blank}╲{line}▶"),
            (false, Side::Right) => format!("◀{line}╱{blank}"),
        };
        let marks = if departs {
            Pair::with(arrow.from, arrow.sent.as_ref(), None)
        } else {
            Pair::with(arrow.from, None, arrow.received.as_ref())
        };
        self.row(marks, &lane, Pair::with(arrow.from, departs, false));
        self.rest(arrow, rest);
    }

    /// Label of an arrow, and the words that do not fit on it.
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

    /// Writes the words that did not fit on an arrow beside its sender.
    fn rest(&mut self, arrow: &Arrow, words: &str) {
        if !words.is_empty() {
            let room = self.lane - 1;
            let words = clip(&format!("{}: {words}", arrow.segment.name()), room);
            let lane = match arrow.from {
                Side::Left => format!(" {words:<room$}"),
                Side::Right => format!("{words:>room$} "),
            };
            self.row(Pair::default(), &lane, Pair::default());
        }
    }

    /// Shows which ends go on.
    fn tail(&mut self) {
        let Pair { left, right } = self.ladder.goes_on.map(|goes_on| if goes_on { "⋮" } else { "" });
        if !(left.is_empty() && right.is_empty()) {
            let (indent, lane) = (" ".repeat(FRAME / 2 - 1), " ".repeat(self.lane));
            let left = format!("{left:1}");
            let _ = writeln!(self.text, "{}", format!("{indent}{left}{lane}{right}").trim_end());
        }
    }

    /// Writes one row: times and states outside, the sides, and the lane between them.
    fn row(&mut self, marks: Pair<Option<&StateMark>>, lane: &str, departs: Pair<bool>) {
        let plain = Style::new();
        let faint = self.style.palette.faint();
        let time =
            |mark: Option<&StateMark>| mark.and_then(|mark| mark.since_ns).map_or_else(String::new, since);
        let state = |mark: Option<&StateMark>| mark.map_or("", |mark| name(mark.state));
        let style =
            |mark: Option<&StateMark>| mark.map_or(plain, |mark| self.style.palette.phase(mark.phase));
        let Pair { left, right } = marks;
        let (begin, end) = (style(left), style(right));
        let edges = Pair::from_fn(|side| self.edge(side, marks[side], departs[side]));
        let mut row = format!(
            "{faint}{:>TIME$}{faint:#} {begin}{:>STATE$}{begin:#} {}{lane}{}",
            time(left),
            state(left),
            edges.left,
            edges.right
        );
        if right.is_some() {
            let _ =
                write!(row, " {end}{:<STATE$}{end:#} {faint}{:>TIME$}{faint:#}", state(right), time(right));
        }
        let _ = writeln!(self.text, "{}", row.trim_end());
        // The state before the first step is CLOSE too, but it has no time.
        for (side, mark) in marks.iter() {
            self.over[side] |=
                mark.is_some_and(|mark| mark.state == TcpState::Close && mark.since_ns.is_some());
        }
    }

    /// Character of a side's edge: broken where nothing is known, nothing where it is over.
    fn edge(&self, side: Side, mark: Option<&StateMark>, departs: bool) -> char {
        match (self.ladder.ends[side].presence, departs) {
            (Presence::Elsewhere | Presence::Itself, _) => '┊',
            _ if self.over[side] && mark.is_none() => ' ',
            (_, true) if side == Side::Left => '├',
            (_, true) => '┤',
            _ => '│',
        }
    }
}

/// Name of a state for people: a request is in `SYN_RECV`.
pub(super) const fn name(state: TcpState) -> &'static str {
    match state {
        TcpState::NewSynRecv => TcpState::SynRecv.name(),
        state => state.name(),
    }
}

/// Owner of an end in words, or why that is not known.
pub(super) fn who(end: &End) -> String {
    match end.presence {
        Presence::Here => owner(end.owner.as_ref()),
        Presence::Elsewhere => "not a socket of this trace".to_owned(),
        Presence::Itself => "the same socket".to_owned(),
    }
}

/// Line with a label in its middle.
fn dashes(label: &str, width: usize) -> String {
    let room = width.saturating_sub(label.width() + 2);
    let line = |count| "─".repeat(count);
    format!("{} {label} {}", line(room - room / 2), line(room / 2))
}

/// The text, cut to the room that there is.
fn clip(text: &str, room: usize) -> String {
    if text.width() <= room {
        return text.to_owned();
    }
    let short: String = text.chars().take(room.saturating_sub(1)).collect();
    format!("{short}…")
}
