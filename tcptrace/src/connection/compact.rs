//! Accounts to which nothing happens for the time being, in few bytes: most of the connections that are open are quiet.

mod bytes;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use foldhash::HashMap;

use super::{ConnectionHistory, Counted, Side, Step, What};
use crate::{
    address::Netns,
    process::{Owner, Owners},
    record::{ConnectionId, Numbers, SocketId},
    tcp::TcpState,
    time::Moment,
};
use bytes::Bytes;

/// Quiet accounts by their numbers.
#[derive(Debug, Default)]
pub(super) struct Compacted {
    histories: HashMap<ConnectionId, Packed>,
    owners: Owners,
    /// What happens to connections, apart from when and to which: there is not much.
    whats: Vec<What>,
    places: HashMap<What, usize>,
}

/// One account, without its number.
#[derive(Debug)]
struct Packed {
    owners: [Option<Arc<Owner>>; 2],
    bytes: Box<[u8]>,
}

impl Compacted {
    /// More than this are not told apart. The kernel's and ours are far less; a recording may say anything.
    const WHATS: usize = 4_096;

    pub(super) fn ids(&self) -> impl Iterator<Item = ConnectionId> {
        self.histories.keys().copied()
    }

    /// The account as it was put here.
    pub(super) fn get(&self, id: ConnectionId) -> Option<ConnectionHistory> {
        self.histories.get(&id).map(|packed| self.open(id, packed))
    }

    /// Takes it out.
    pub(super) fn take(&mut self, id: ConnectionId) -> Option<ConnectionHistory> {
        let packed = self.histories.remove(&id)?;
        Some(self.open(id, &packed))
    }

    /// Puts it here; gives it back if it is one of the rare ones that are not packed.
    pub(super) fn put(&mut self, history: ConnectionHistory) -> Result<(), ConnectionHistory> {
        match self.pack(&history) {
            Some(packed) => {
                self.histories.insert(history.id, packed);
                Ok(())
            }
            None => Err(history),
        }
    }

    fn pack(&mut self, history: &ConnectionHistory) -> Option<Packed> {
        let mut bytes = Bytes::default();
        let mut owners = [None, None];
        bytes.put((history.sides.len() as u64) << 1 | u64::from(history.is_reported));
        bytes.put(history.skipped);
        for (index, side) in history.sides.iter().enumerate() {
            *owners.get_mut(index)? = side.owner.map(|owner| self.owners.share(owner));
            put_side(&mut bytes, history, index, side)?;
        }
        let mut before = Moment::default();
        for step in &history.steps {
            bytes.put_moment(step.at, before);
            before = step.at;
            // With the side in the last bit; what is 0 has a count, which may be any number.
            let side = step.side as u64;
            match step.what {
                What::Retransmitted(state, count) => {
                    bytes.put(side);
                    bytes.put(state as u64);
                    bytes.put(count);
                }
                ref what => bytes.put((self.place(what)? as u64 + 1) << 1 | side),
            }
        }
        Some(Packed { owners, bytes: bytes.into() })
    }

    fn open(&self, id: ConnectionId, packed: &Packed) -> ConnectionHistory {
        let mut bytes = &*packed.bytes;
        let head = bytes::take(&mut bytes);
        let sides = (head >> 1) as usize;
        let mut history = ConnectionHistory {
            skipped: bytes::take(&mut bytes),
            is_reported: head & 1 == 1,
            ..ConnectionHistory::new(id)
        };
        history.sides.reserve_exact(sides);
        let mut entered = [0; 2];
        for (entered, owner) in entered.iter_mut().zip(&packed.owners).take(sides) {
            let (side, since) = take_side(&mut bytes, history.sides.first());
            *entered = since;
            history.sides.push(Side { owner: owner.as_deref().copied(), ..side });
        }
        let mut before = Moment::default();
        while !bytes.is_empty() {
            let at = bytes::take_moment(&mut bytes, before);
            before = at;
            let (what, side) = match bytes::take(&mut bytes) {
                side @ (0 | 1) => {
                    let state = take_state(&mut bytes);
                    (What::Retransmitted(state, bytes::take(&mut bytes)), side)
                }
                number => (self.whats[(number >> 1) as usize - 1].clone(), number & 1),
            };
            history.steps.push(Step { at, side: side as usize, what });
        }
        for (side, entered) in history.sides.iter_mut().zip(entered) {
            side.since =
                entered.checked_sub(1).and_then(|index| history.steps.get(index)).map(|step| step.at);
        }
        history
    }

    fn place(&mut self, what: &What) -> Option<usize> {
        if let Some(place) = self.places.get(what) {
            return Some(*place);
        }
        let place = self.whats.len();
        (place < Self::WHATS).then(|| {
            self.whats.push(what.clone());
            self.places.insert(what.clone(), place);
            place
        })
    }
}

/// Bits of a side's first number, and of what the kernel had counted.
mod bits {
    pub(super) const SERIAL: u64 = 1;
    pub(super) const ORPHAN: u64 = 1 << 1;
    pub(super) const EXISTING: u64 = 1 << 2;
    pub(super) const COUNTED: u64 = 1 << 3;
    pub(super) const IN_ORDER: u64 = 1 << 4;
    pub(super) const FACES_FIRST: u64 = 1 << 5;
    pub(super) const HAS_NETNS: u64 = 1 << 6;
    pub(super) const CUT: u64 = 1 << 7;
}

fn put_side(bytes: &mut Bytes, history: &ConnectionHistory, index: usize, side: &Side) -> Option<()> {
    let faces = index > 0 && history.sides.first().is_some_and(|first| first.tuple.reversed() == side.tuple);
    let (serial, number) = match side.socket {
        SocketId::Cookie(cookie) => (0, cookie),
        SocketId::Serial(serial) => (bits::SERIAL, serial),
    };
    let flag = |is: bool, bit: u64| if is { bit } else { 0 };
    bytes.put(
        serial
            | flag(side.orphan, bits::ORPHAN)
            | flag(side.existing, bits::EXISTING)
            | flag(side.counted.is_some(), bits::COUNTED)
            | flag(side.counted.is_some_and(|counted| counted.in_order), bits::IN_ORDER)
            | flag(faces, bits::FACES_FIRST)
            | flag(side.netns.is_some(), bits::HAS_NETNS)
            | flag(side.is_cut, bits::CUT),
    );
    bytes.put(number);
    side.netns.iter().for_each(|netns| bytes.put(netns.0.into()));
    if !faces {
        bytes.put_end(side.tuple.local);
        bytes.put_end(side.tuple.remote);
    }
    bytes.put(side.state as u64);
    // It is the time of a step.
    bytes.put(match side.since {
        Some(since) => history.steps.iter().rposition(|step| step.at == since)? as u64 + 1,
        None => 0,
    });
    bytes.put(side.retransmits);
    if let Some(Counted { numbers, from, to, in_order: _ }) = &side.counted {
        bytes.put(numbers.srtt_us.map_or(0, |srtt| u64::from(srtt) + 1));
        bytes.put(numbers.retransmits.into());
        for number in [numbers.bytes_sent, numbers.bytes_acked, numbers.bytes_received] {
            bytes.put(number);
        }
        bytes.put(*from as u64);
        bytes.put(*to as u64);
    }
    Some(())
}

/// A side without its owner; and the place of the step by which it entered its state, from 1 on.
fn take_side(bytes: &mut &[u8], first: Option<&Side>) -> (Side, usize) {
    use bytes::{take, take_end};
    let flags = take(bytes);
    let is = |bit| flags & bit != 0;
    let number = take(bytes);
    let socket = if is(bits::SERIAL) { SocketId::Serial(number) } else { SocketId::Cookie(number) };
    let netns = is(bits::HAS_NETNS).then(|| Netns(take(bytes) as u32));
    let tuple = match first.filter(|_| is(bits::FACES_FIRST)) {
        Some(first) => first.tuple.reversed(),
        None => crate::address::Tuple { local: take_end(bytes), remote: take_end(bytes) },
    };
    let state = take_state(bytes);
    let entered = take(bytes) as usize;
    let retransmits = take(bytes);
    let counted = is(bits::COUNTED).then(|| Counted {
        numbers: Numbers {
            srtt_us: take(bytes).checked_sub(1).map(|srtt| srtt as u32),
            retransmits: take(bytes) as u32,
            bytes_sent: take(bytes),
            bytes_acked: take(bytes),
            bytes_received: take(bytes),
        },
        from: take_state(bytes),
        to: take_state(bytes),
        in_order: is(bits::IN_ORDER),
    });
    let (orphan, existing) = (is(bits::ORPHAN), is(bits::EXISTING));
    let side = Side {
        socket,
        netns,
        tuple,
        owner: None,
        state,
        since: None,
        orphan,
        existing,
        is_cut: is(bits::CUT),
        counted,
        retransmits,
    };
    (side, entered)
}

fn take_state(bytes: &mut &[u8]) -> TcpState {
    // Nobody but us has written it.
    TcpState::try_from(bytes::take(bytes) as u8).unwrap_or(TcpState::Close)
}
