//! The states of TCP, with the kernel's numbers and names, and every spelling that people type.

use std::{fmt, str::FromStr};

use crate::named::named;

named! {
    /// A TCP state as Linux has it (`include/net/tcp_states.h`).
    ///
    /// `NEW_SYN_RECV` is Linux's own: a request socket that has answered a SYN and waits for the ACK. To the outside it
    /// is `SYN_RECV`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
    #[repr(u8)]
    #[expect(missing_docs, reason = "the names are the documentation; `explain` has the rest")]
    pub enum TcpState {
        Established = 1 => "ESTABLISHED",
        SynSent = 2 => "SYN_SENT",
        SynRecv = 3 => "SYN_RECV",
        FinWait1 = 4 => "FIN_WAIT1",
        FinWait2 = 5 => "FIN_WAIT2",
        TimeWait = 6 => "TIME_WAIT",
        Close = 7 => "CLOSE",
        CloseWait = 8 => "CLOSE_WAIT",
        LastAck = 9 => "LAST_ACK",
        Listen = 10 => "LISTEN",
        Closing = 11 => "CLOSING",
        NewSynRecv = 12 => "NEW_SYN_RECV",
    }
}

impl fmt::Display for TcpState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Number that stands for no state of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownState(pub u8);

impl TryFrom<u8> for TcpState {
    type Error = UnknownState;

    fn try_from(number: u8) -> Result<Self, UnknownState> {
        Self::ALL.into_iter().find(|state| *state as u8 == number).ok_or(UnknownState(number))
    }
}

/// Word that names no state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseStateError(String);

impl fmt::Display for ParseStateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not a TCP state: choose one of ", self.0)?;
        for (i, state) in TcpState::ALL.into_iter().filter(|s| *s != TcpState::NewSynRecv).enumerate() {
            write!(f, "{}{state}", if i == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl std::error::Error for ParseStateError {}

impl FromStr for TcpState {
    type Err = ParseStateError;

    /// Parses the kernel's, the RFC's, `ss`'s and `netstat`'s spelling, in any case: `SYN_RCVD`, `FIN-WAIT-1`, `estab`.
    fn from_str(word: &str) -> Result<Self, ParseStateError> {
        let plain: String =
            word.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect();
        let plain = plain.strip_prefix("TCP").unwrap_or(&plain);
        let state = match plain {
            "CLOSED" | "UNCONN" => Self::Close,
            "LISTENING" => Self::Listen,
            "SYNRCVD" | "SYNRECEIVED" => Self::SynRecv,
            "ESTAB" => Self::Established,
            _ => {
                return Self::ALL
                    .into_iter()
                    .find(|state| state.name().replace('_', "") == plain)
                    .ok_or_else(|| ParseStateError(word.to_owned()));
            }
        };
        Ok(state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_and_number_comes_back() {
        for state in TcpState::ALL {
            assert_eq!(state.name().parse(), Ok(state));
            assert_eq!(TcpState::try_from(state as u8), Ok(state));
        }
        assert_eq!(TcpState::try_from(0), Err(UnknownState(0)));
        assert_eq!(TcpState::try_from(13), Err(UnknownState(13)));
    }

    #[test]
    fn every_spelling_is_understood() {
        for (word, state) in [
            ("SYN_RCVD", TcpState::SynRecv),
            ("syn-received", TcpState::SynRecv),
            ("FIN-WAIT-1", TcpState::FinWait1),
            ("fin_wait_2", TcpState::FinWait2),
            ("closed", TcpState::Close),
            ("estab", TcpState::Established),
            ("TCP_TIME_WAIT", TcpState::TimeWait),
            ("close-wait", TcpState::CloseWait),
        ] {
            assert_eq!(word.parse(), Ok(state), "{word}");
        }
        let error = "HALF_OPEN".parse::<TcpState>().unwrap_err().to_string();
        assert!(
            error.starts_with("\"HALF_OPEN\" is not a TCP state: choose one of ESTABLISHED, "),
            "{error}"
        );
    }
}
