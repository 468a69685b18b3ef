//! How long a socket may stay in a state.

use std::{str::FromStr, time::Duration};

use crate::{
    tcp::TcpState::{self, *},
    time::duration,
};

/// Limits by state. States in which a socket may stay for good have none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits(Vec<(TcpState, Duration)>);

/// The states that should pass, how long each may take if nothing else is said, in seconds, and why so long.
const DEFAULTS: [(TcpState, u64); 7] = [
    // TCP_TIMEOUT_INIT is 1 s: by then the SYN was sent three times, and no answer came.
    (SynSent, 5),
    // The same for the SYN+ACK.
    (SynRecv, 5),
    // The FIN has an answer after a round trip; from TCP_RTO_MIN, 200 ms, on it was sent again five times by then.
    (FinWait1, 10),
    (Closing, 10),
    (LastAck, 10),
    // A process that reads the end of the stream closes; one minute is for an answer that it still sends.
    (CloseWait, 60),
    // One without a process is gone after tcp_fin_timeout, 60 s, so this one has a process that waits for the peer.
    (FinWait2, 120),
];

impl Limits {
    /// The limit of a state, nanoseconds.
    #[must_use]
    pub fn of(&self, state: TcpState) -> Option<u64> {
        let (_, limit) = self.0.iter().find(|(limited, _)| *limited == state)?;
        Some(u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX))
    }

    fn set(&mut self, state: TcpState, limit: Duration) {
        self.0.retain(|(known, _)| *known != state);
        self.0.push((state, limit));
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self(DEFAULTS.map(|(state, seconds)| (state, Duration::from_secs(seconds))).to_vec())
    }
}

impl FromStr for Limits {
    type Err = String;

    /// Reads `30s` (every state that should pass), `CLOSE_WAIT=30s,FIN_WAIT2=2m` (these), or both.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut limits = Self(Vec::new());
        for word in text.split(',') {
            let Some((state, limit)) = word.split_once('=') else {
                let limit = duration(word)?;
                DEFAULTS.iter().for_each(|(state, _)| limits.set(*state, limit));
                continue;
            };
            let state = state.parse().map_err(|error| format!("{error}"))?;
            let state = if state == NewSynRecv { SynRecv } else { state };
            if !DEFAULTS.iter().any(|(passing, _)| *passing == state) {
                return Err(format!("{state} is not a transient state: a socket may stay in it for good"));
            }
            limits.set(state, duration(limit)?);
        }
        Ok(limits)
    }
}
