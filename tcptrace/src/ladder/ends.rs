//! The ends of a ladder and their sides: the opener left, as in every textbook.

use super::{Pair, Side};
use crate::{
    address::Endpoint,
    connection::{self, ConnectionHistory},
    process::Owner,
};

/// Whether an end is a socket of this trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// A socket of this trace.
    Here,
    /// A socket on another host, or one that was not traced.
    Elsewhere,
    /// The same socket as the other end: one that connected to itself.
    Itself,
}

/// One end of a ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// Address and port.
    pub address: Endpoint,
    /// Last known owner.
    pub owner: Option<Owner>,
    /// Whether the states of the end can be known.
    pub presence: Presence,
}

impl End {
    const fn here(side: &connection::Side) -> Self {
        Self { address: side.tuple.local, owner: side.owner, presence: Presence::Here }
    }

    fn peer_of(side: &connection::Side) -> Self {
        let itself = side.tuple.is_complete() && side.tuple.local == side.tuple.remote;
        let presence = if itself { Presence::Itself } else { Presence::Elsewhere };
        Self { address: side.tuple.remote, owner: None, presence }
    }
}

/// The ends of a ladder, and how a connection's history maps to them.
pub(super) struct Layout {
    pub(super) ends: Pair<End>,
    /// Side of the ladder for each side of the history, which has one or two.
    pub(super) sides: Vec<Side>,
    /// Whether it is known that the left end opened the connection.
    pub(super) roles: bool,
}

impl Layout {
    /// Places the ends of a connection; `None` if nothing is known of it.
    pub(super) fn of(history: &ConnectionHistory) -> Option<Self> {
        let (opener, accepted) = (history.opener(), history.accepted());
        let first = history.sides.first()?;
        // Where nobody was seen to open it, the one with the lower port looks like a server. That decides about the
        // place and nothing else.
        let first_is_left = match (opener, accepted) {
            (Some(opener), _) => opener == 0,
            (None, Some(accepted)) => accepted != 0,
            (None, None) if history.both_opened() => true,
            (None, None) => first.tuple.local.port >= first.tuple.remote.port,
        };
        let side = if first_is_left { Side::Left } else { Side::Right };
        let other = history.sides.get(1).map_or_else(|| End::peer_of(first), End::here);
        let is_one = other.presence == Presence::Itself;
        let sides = [side, side.other()].into_iter().take(history.sides.len()).collect();
        let roles = (opener.is_some() || accepted.is_some()) && !is_one;
        Some(Self { ends: Pair::with(side, End::here(first), other), sides, roles })
    }
}
