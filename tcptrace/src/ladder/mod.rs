//! A connection as a ladder: its two ends as the sides, its segments as the rows between them.
//!
//! The kernel reports states, not segments. But the states of TCP change for few reasons, and most of them are a
//! segment that was sent or that arrived: so the segments are concluded, and every output says so.

mod align;
mod ends;
mod formats;
mod mermaid;
mod picture;
mod segments;
mod side;

pub use ends::{End, Presence};
pub use formats::{Ladders, Notation};
pub use picture::Picture;
pub use side::{Pair, Side};

use crate::{
    connection::{ConnectionHistory, What},
    record::ConnectionId,
    render::Phase,
    tcp::TcpState,
    time::Moment,
};
use ends::Layout;

/// Sentence that every output says once.
pub const INFERRED_TEXT: &str = "Segments are inferred from the states; times count from the first change.";

/// Segment that changes states. The two kinds of `ACK` are kept apart, because both occur once in each direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Segment {
    /// SYN, which opens a direction.
    Syn,
    /// Answer to a SYN, which opens the other direction.
    SynAck,
    /// Last segment of the handshake.
    Ack,
    /// FIN, which closes a direction.
    Fin,
    /// Answer to a FIN.
    FinAck,
    /// RST, which ends everything.
    Rst,
}

impl Segment {
    /// Flags of the segment, as they are usually written.
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

/// State that one end was seen to enter, or to be in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateMark {
    /// Time since the connection's first step, nanoseconds; none for the state before the first step.
    pub since_ns: Option<u64>,
    /// State of the end.
    pub state: TcpState,
    /// Phase of the connection's life.
    pub phase: Phase,
    /// Words on what happened, where no arrow says it.
    pub words: String,
}

/// Segment on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrow {
    /// Kind of segment.
    pub segment: Segment,
    /// Side that sent it.
    pub from: Side,
    /// State that the sender entered with it.
    pub sent: Option<StateMark>,
    /// State that the receiver entered with it.
    pub received: Option<StateMark>,
    /// Words on why it was sent, where there is evidence.
    pub words: String,
    /// Whether it is known to have got no answer, so that nobody can say whether it arrived.
    pub unanswered: bool,
}

/// One row of a ladder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    /// States that ends are in, or enter without a segment.
    Still(Pair<Option<StateMark>>),
    /// One segment, from one side to the other.
    Arrow(Arrow),
    /// Two segments that cross, each with the side that sent it.
    Crossing(Pair<Arrow>),
    /// Departure of a segment that arrives much later.
    Departs(Arrow),
    /// Arrival of a segment that left in an earlier row.
    Arrives(Arrow),
}

/// A connection as a ladder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ladder {
    /// Number of the connection.
    pub id: ConnectionId,
    /// Time of the first step.
    pub began: Option<Moment>,
    /// Both ends. The opener is left, if it is known.
    pub ends: Pair<End>,
    /// Whether the left end is known to have opened the connection to the right one.
    pub roles: bool,
    /// Rows from top to bottom.
    pub rows: Vec<Row>,
    /// Whether each end has yet to come to its `CLOSE`.
    pub goes_on: Pair<bool>,
}

impl Ladder {
    /// Makes a ladder of a connection's history; `None` if that is empty.
    #[must_use]
    pub fn of(history: &ConnectionHistory) -> Option<Self> {
        let Layout { ends, sides, roles } = Layout::of(history)?;
        let began = history.steps.first().map(|step| step.at);
        let mut rows = Vec::from_iter(first_states(history, &sides));
        rows.extend(align::rows(segments::segment_events(history, &sides)));
        let goes_on = Pair::from_fn(|side| {
            let end = sides.iter().zip(&history.sides).find(|(at, _)| **at == side);
            end.is_some_and(|(_, end)| end.state != TcpState::Close)
        });
        Some(Self { id: history.id, began, ends, roles, rows, goes_on })
    }
}

/// Row of the states that the ends come from.
fn first_states(history: &ConnectionHistory, sides: &[Side]) -> Option<Row> {
    let mut states = Pair::default();
    for (index, side) in sides.iter().enumerate() {
        let first = history.steps.iter().find(|step| step.side == index);
        states[*side] = first.and_then(|step| match step.what {
            What::Changed(from, ..) => {
                Some(StateMark { since_ns: None, state: from, phase: Phase::of(from), words: String::new() })
            }
            _ => None,
        });
    }
    (states.left.is_some() || states.right.is_some()).then_some(Row::Still(states))
}
