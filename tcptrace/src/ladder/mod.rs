//! A connection as a ladder: its two ends as the sides, its segments as the rungs between them.
//!
//! The kernel tells of states, not of segments. But the states of TCP change for few reasons, and most of them are a
//! segment that was sent or that arrived: so the segments are concluded, and every output says so.

mod align;
mod ends;
mod formats;
mod mermaid;
mod picture;
mod segments;

pub use ends::{End, Presence};
pub use formats::{Ladders, Notation};
pub use picture::Picture;

use crate::{
    connection::{ConnectionHistory, What},
    record::ConnectionId,
    render::Phase,
    tcp::TcpState,
    time::Moment,
};

/// What every output says once.
pub const INFERRED_TEXT: &str = "Segments are inferred from the states; times count from the first change.";

/// A segment that changes states. The two kinds of `ACK` are kept apart, because both occur once in each direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Segment {
    /// Opens a direction.
    Syn,
    /// Answers a SYN and opens the other direction.
    SynAck,
    /// Ends the handshake.
    Ack,
    /// Closes a direction.
    Fin,
    /// Answers a FIN.
    FinAck,
    /// Ends everything.
    Rst,
}

impl Segment {
    /// Its flags, as they are usually written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Syn => "SYN",
            Self::SynAck => "SYN+ACK",
            Self::Ack | Self::FinAck => "ACK",
            Self::Fin => "FIN",
            Self::Rst => "RST",
        }
    }
}

/// A state that one end was seen to enter, or to be in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateMark {
    /// Since the connection's first step, nanoseconds; none for the state before the first step.
    pub since_ns: Option<u64>,
    /// The state.
    pub state: TcpState,
    /// Where in the connection's life.
    pub phase: Phase,
    /// What happened, where no arrow says it.
    pub words: String,
}

/// A segment on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrow {
    /// Which.
    pub segment: Segment,
    /// The end that sent it: 0 is left, 1 is right.
    pub from: usize,
    /// The state that the sender entered with it.
    pub sent: Option<StateMark>,
    /// The state that the receiver entered with it.
    pub received: Option<StateMark>,
    /// Why it was sent, where there is evidence.
    pub words: String,
    /// Whether it is known to have got no answer, so that nobody can say whether it arrived.
    pub unanswered: bool,
}

/// What stands in one place of the ladder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    /// No segment: states that ends are in, or enter by themselves.
    Still([Option<StateMark>; 2]),
    /// One segment, from one side to the other.
    Arrow(Arrow),
    /// Two segments that cross: from the left end, and from the right end.
    Crossing(Arrow, Arrow),
    /// A segment leaves, and much happens before it arrives.
    Departs(Arrow),
    /// It arrives.
    Arrives(Arrow),
}

/// A connection as a ladder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ladder {
    /// Its number.
    pub id: ConnectionId,
    /// When its first step was.
    pub began: Option<Moment>,
    /// Left and right. The opener is left, if it is known.
    pub ends: [End; 2],
    /// Whether the left end is known to have opened the connection to the right one.
    pub roles: bool,
    /// From top to bottom.
    pub rows: Vec<Row>,
    /// Which ends have not come to their `CLOSE`.
    pub goes_on: [bool; 2],
}

impl Ladder {
    /// Makes a ladder of what was told of a connection; `None` of an empty account.
    #[must_use]
    pub fn of(history: &ConnectionHistory) -> Option<Self> {
        let (ends, places, roles) = ends::ends(history)?;
        let began = history.steps.first().map(|step| step.at);
        let mut rows = Vec::from_iter(first_states(history, &places));
        rows.extend(align::rows(segments::segment_events(history, &places)));
        let goes_on = [0, 1].map(|place| {
            let side = places.iter().position(|at| *at == place).and_then(|index| history.sides.get(index));
            side.is_some_and(|side| side.state != TcpState::Close)
        });
        Some(Self { id: history.id, began, ends, roles, rows, goes_on })
    }
}

/// The states that the ends come from.
fn first_states(history: &ConnectionHistory, places: &[usize]) -> Option<Row> {
    let mut states = [None, None];
    for (index, place) in places.iter().enumerate() {
        let first = history.steps.iter().find(|step| step.side == index);
        states[*place] = first.and_then(|step| match step.what {
            What::Changed(from, ..) => {
                Some(StateMark { since_ns: None, state: from, phase: Phase::of(from), words: String::new() })
            }
            _ => None,
        });
    }
    states.iter().any(Option::is_some).then_some(Row::Still(states))
}
