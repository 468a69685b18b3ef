//! Payload in one direction, from what the kernel counts in sequence numbers: SYN and FIN take one each.
//!
//! `bytes_received` follows `rcv_nxt` (`tcp_rcv_nxt_update`): the peer's FIN counts, its SYN does not. `bytes_acked`
//! follows `snd_una` (`tcp_snd_una_update`): the own FIN counts, and the own SYN only if this side went through
//! `SYN_SENT`, because the socket of one that accepts begins after its SYN (`tcp_create_openreq_child`).

use crate::{
    connection::{ConnectionHistory, Counted, Side},
    tcp::TcpState,
};

/// Payload that this side has received; known once the peer can send no more.
pub(super) fn received(side: &Side) -> Option<u64> {
    use TcpState::{Close, CloseWait, Closing, LastAck, TimeWait};
    let Counted { numbers, from, to, .. } = side.counted?;
    let fin = [from, to].iter().any(|state| matches!(state, CloseWait | LastAck | Closing | TimeWait));
    (fin || to == Close).then(|| numbers.bytes_received.saturating_sub(fin.into()))
}

/// Payload of this side that the peer has acknowledged; known once this side can send no more.
pub(super) fn acked(history: &ConnectionHistory, index: usize) -> Option<u64> {
    use TcpState::{Close, FinWait2, LastAck, TimeWait};
    let side = history.sides.get(index)?;
    let Counted { numbers, from, to, in_order } = side.counted?;
    let fin = [from, to].iter().any(|state| matches!(state, FinWait2 | TimeWait))
        || (from, to, in_order) == (LastAck, Close, true);
    if !fin && to != Close {
        return None;
    }
    let opened = history.has_opened(index);
    // Joined midway nobody knows whether the SYN is in it; what was sent is exact if nothing was sent again.
    match opened || history.accepted() == Some(index) {
        true => Some(numbers.bytes_acked.saturating_sub(u64::from(fin) + u64::from(opened))),
        false => Some(numbers.bytes_sent).filter(|_| fin && numbers.retransmits == 0),
    }
}
