//! Advice on sockets that stay in a state that should pass.

use super::TcpState::{self, *};

/// Meaning of a socket that stays in this state, and where to look; empty for a state in which it may stay.
#[must_use]
pub const fn advice(state: TcpState) -> &'static str {
    match state {
        SynSent => "no answer to the SYN: is the peer up, and does a firewall drop it?",
        SynRecv | NewSynRecv => {
            "no ACK of the SYN+ACK: is the client real, does the way back work, is the accept queue full?"
        }
        FinWait1 => "the FIN is not acknowledged: the peer is gone, or does not read what comes before it",
        FinWait2 => "the peer has not closed: look for its CLOSE_WAIT",
        Closing | LastAck => "the FIN is not acknowledged: the peer is gone, or packets get lost",
        CloseWait => "the peer has closed, this process has not called close(): a leak, or it hangs",
        Established | TimeWait | Close | Listen => "",
    }
}
