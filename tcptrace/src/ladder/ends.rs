//! Which end stands where: the opener left, as in every textbook.

use crate::{
    address::Endpoint,
    connection::{ConnectionHistory, Side},
    process::Owner,
};

/// Whether an end is a socket of this trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It is.
    Here,
    /// It is not: it lives on another host, or was not traced.
    Elsewhere,
    /// A socket that connected to itself is both of its ends.
    Itself,
}

/// One end of a ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// Its address.
    pub address: Endpoint,
    /// Its last known owner.
    pub owner: Option<Owner>,
    /// Whether its states can be known.
    pub presence: Presence,
}

impl End {
    const fn here(side: &Side) -> Self {
        Self { address: side.tuple.local, owner: side.owner, presence: Presence::Here }
    }

    fn peer_of(side: &Side) -> Self {
        let itself = side.tuple.is_complete() && side.tuple.local == side.tuple.remote;
        let presence = if itself { Presence::Itself } else { Presence::Elsewhere };
        Self { address: side.tuple.remote, owner: None, presence }
    }
}

/// The ends from left to right, the place of each side of the account, and whether it is known who opened.
pub(super) fn ends(history: &ConnectionHistory) -> Option<([End; 2], Vec<usize>, bool)> {
    let opener = history.opener();
    let accepted = history.accepted();
    let first = history.sides.first()?;
    // Where nobody was seen to open it, the one with the lower port looks like a server. That decides about the
    // place and nothing else.
    let first_is_left = match (opener, accepted) {
        (Some(opener), _) => opener == 0,
        (None, Some(accepted)) => accepted != 0,
        (None, None) if history.both_opened() => true,
        (None, None) => first.tuple.local.port >= first.tuple.remote.port,
    };
    let other = history.sides.get(1).map_or_else(|| End::peer_of(first), End::here);
    let first = End::here(first);
    let is_one = other.presence == Presence::Itself;
    let roles = (opener.is_some() || accepted.is_some()) && !is_one;
    Some(match (first_is_left, history.sides.len()) {
        (true, 1) => ([first, other], vec![0], roles),
        (false, 1) => ([other, first], vec![1], roles),
        (true, _) => ([first, other], vec![0, 1], roles),
        (false, _) => ([other, first], vec![1, 0], roles),
    })
}
