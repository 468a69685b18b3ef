//! The two ends of a connection, the opener first.

use super::{bytes, durations};
use crate::{
    record::ConnectionEnd,
    report::{Account, Side},
};

/// Which side of an account is which end of the verdict.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places {
    /// Whether the first side is the second end.
    swapped: bool,
    /// A socket that is connected to itself is both ends.
    itself: bool,
}

impl Places {
    pub(super) fn of(account: &Account) -> Option<Self> {
        let first = account.sides.first()?;
        let swapped = match (account.opener(), account.accepted()) {
            (Some(opener), _) => opener == 1,
            (None, Some(accepted)) => accepted == 0 && !account.both_opened(),
            (None, None) => false,
        };
        let itself = first.tuple.is_complete() && first.tuple.local == first.tuple.remote;
        let itself = itself && account.sides.len() == 1;
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
    pub(super) fn opener(self, account: &Account) -> Option<usize> {
        match (account.opener(), account.accepted()) {
            (Some(opener), _) => self.of_side(opener),
            (None, Some(accepted)) if !account.both_opened() => self.of_peer(accepted),
            _ => None,
        }
    }

    pub(super) fn ends(self, account: &Account) -> Vec<ConnectionEnd> {
        let mut ends: Vec<_> = account
            .sides
            .iter()
            .take(2)
            .enumerate()
            .map(|(index, side)| here(account, index, side))
            .collect();
        if let ([side], false) = (account.sides.as_slice(), self.itself) {
            ends.push(elsewhere(side));
        }
        if self.swapped {
            ends.swap(0, 1);
        }
        ends
    }
}

fn here(account: &Account, index: usize, side: &Side) -> ConnectionEnd {
    let peer = if account.sides.len() == 2 { account.sides.get(1 - index) } else { None };
    let counted = side.counted.as_ref().map(|counted| u64::from(counted.numbers.retransmits));
    ConnectionEnd {
        address: side.tuple.local,
        socket: Some(side.socket),
        state: Some(side.state),
        owner: side.owner,
        handshake_ns: durations::handshake(account, index),
        payload: peer.and_then(bytes::received).or_else(|| bytes::acked(account, index)),
        retransmits: counted.max((side.sent_again > 0).then_some(side.sent_again)),
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
