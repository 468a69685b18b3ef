//! One side in bytes: without its owner, which is kept once for all.

use super::{
    Counted, Side,
    coder::{Coded, Coder},
};
use crate::{
    address::{Endpoint, Netns, Tuple},
    record::{Numbers, SocketId, Subject},
    tcp::TcpState,
};

/// Side to read another one into.
pub(super) fn blank() -> Side {
    let nowhere = Endpoint { address: [0; 4].into(), port: 0 };
    Side::new(&Subject {
        socket: SocketId::Cookie(0),
        connection: None,
        netns: None,
        tuple: Tuple { local: nowhere, remote: nowhere },
        owner: None,
        cgroup: None,
    })
}

/// Passes a side, and the number of the step by which it entered its state, from 1 on. The second one usually has the
/// addresses of the `first`, reversed. The owner stays what it is.
pub(super) fn side(
    coder: &mut impl Coder,
    side: Side,
    first: Option<&Side>,
    entered: usize,
) -> (Side, usize) {
    let Side { socket, netns, tuple, owner, state, since, orphan, existing, is_cut, counted, retransmits } =
        side;
    let facing = first.map(|first| first.tuple.reversed());
    let (is_serial, number) = match socket {
        SocketId::Cookie(cookie) => (false, cookie),
        SocketId::Serial(serial) => (true, serial),
    };
    let in_order = counted.is_some_and(|counted| counted.in_order);
    // The rarest is the last one: without it they are one byte.
    let [is_serial, orphan, existing, is_counted, in_order, is_facing, has_netns, is_cut] = [
        is_serial,
        orphan,
        existing,
        counted.is_some(),
        in_order,
        facing == Some(tuple),
        netns.is_some(),
        is_cut,
    ]
    .coded(coder);
    let number = number.coded(coder);
    let side = Side {
        socket: if is_serial { SocketId::Serial(number) } else { SocketId::Cookie(number) },
        netns: has_netns.then(|| Netns(netns.map_or(0, |netns| netns.0).coded(coder))),
        tuple: facing.filter(|_| is_facing).unwrap_or_else(|| tuple.coded(coder)),
        state: state.coded(coder),
        retransmits: retransmits.coded(coder),
        counted: is_counted.then(|| self::counted(coder, counted, in_order)),
        owner,
        since,
        orphan,
        existing,
        is_cut,
    };
    (side, entered.coded(coder))
}

fn counted(coder: &mut impl Coder, counted: Option<Counted>, in_order: bool) -> Counted {
    let (numbers, from, to) = counted.map_or_else(
        || (Numbers::default(), TcpState::Close, TcpState::Close),
        |counted| (counted.numbers, counted.from, counted.to),
    );
    Counted { numbers: numbers.coded(coder), from: from.coded(coder), to: to.coded(coder), in_order }
}
