//! The two ends of a connection, the opener first.

use super::{bytes, durations};
use crate::{
    connection::{ConnectionHistory, Side},
    record::ConnectionEnd,
};

/// Places of a history's sides among the ends of its summary.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places {
    /// Whether the first side is the second end.
    swapped: bool,
    /// A socket that is connected to itself is both ends.
    itself: bool,
}

impl Places {
    pub(super) fn of(history: &ConnectionHistory) -> Option<Self> {
        let first = history.sides.first()?;
        let swapped = match (history.opener(), history.accepted()) {
            (Some(opener), _) => opener == 1,
            (None, Some(accepted)) => accepted == 0 && !history.both_opened(),
            (None, None) => false,
        };
        let itself = first.tuple.is_complete() && first.tuple.local == first.tuple.remote;
        let itself = itself && history.sides.len() == 1;
        Some(Self { swapped: swapped && !itself, itself })
    }

    /// The end that is this side.
    pub(super) fn of_side(self, side: usize) -> Option<usize> {
        match side {
            _ if self.itself => Some(0),
            0 | 1 => Some(side ^ usize::from(self.swapped)),
            // More than two sides are two lives under one number: nobody can say which is whose.
            _ => None,
        }
    }

    /// The end that is the peer of this side.
    pub(super) fn of_peer(self, side: usize) -> Option<usize> {
        if self.itself { Some(0) } else { self.of_side(side).map(|end| end ^ 1) }
    }

    /// The end that opened the connection.
    pub(super) fn opener(self, history: &ConnectionHistory) -> Option<usize> {
        match (history.opener(), history.accepted()) {
            (Some(opener), _) => self.of_side(opener),
            (None, Some(accepted)) if !history.both_opened() => self.of_peer(accepted),
            _ => None,
        }
    }

    pub(super) fn ends(self, history: &ConnectionHistory) -> Vec<ConnectionEnd> {
        let mut ends: Vec<_> = history
            .sides
            .iter()
            .take(2)
            .enumerate()
            .map(|(index, side)| here(history, index, side))
            .collect();
        if let ([side], false) = (history.sides.as_slice(), self.itself) {
            ends.push(elsewhere(side));
        }
        if self.swapped {
            ends.swap(0, 1);
        }
        ends
    }
}

fn here(history: &ConnectionHistory, index: usize, side: &Side) -> ConnectionEnd {
    let peer = if history.sides.len() == 2 { history.sides.get(1 - index) } else { None };
    let counted = side.counted.as_ref().map(|counted| u64::from(counted.numbers.retransmits));
    ConnectionEnd {
        address: side.tuple.local,
        socket: Some(side.socket),
        state: Some(side.state),
        owner: side.owner,
        handshake_ns: durations::handshake(history, index),
        payload: peer.and_then(bytes::received).or_else(|| bytes::acked(history, index)),
        retransmits: counted.max((side.retransmits > 0).then_some(side.retransmits)),
    }
}

/// The peer of the only side.
fn elsewhere(side: &Side) -> ConnectionEnd {
    ConnectionEnd {
        address: side.tuple.remote,
        socket: None,
        state: None,
        owner: None,
        handshake_ns: None,
        payload: bytes::received(side),
        retransmits: None,
    }
}
