//! What a connection came to, in a record: what `crate::connection::summary` concludes from its account.

use super::{ConnectionId, SocketId};
use crate::{
    address::{Endpoint, Netns},
    process::Owner,
    tcp::TcpState,
    time::Moment,
};

/// What is known of a connection when it is over, or when the trace ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionSummary {
    /// When it was over; of one that is open, when that was asked.
    pub at: Moment,
    /// Its number.
    pub connection: ConnectionId,
    /// Whether it is still open.
    pub open: bool,
    /// Where it lives.
    pub netns: Option<Netns>,
    /// Its two ends, the opener first if it is known; one if a socket is connected to itself.
    pub ends: Vec<ConnectionEnd>,
    /// Which end opened it.
    pub opener: Option<usize>,
    /// Which end closed it first.
    pub closed_first: Option<usize>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// From its first event to its end.
    pub lasted_ns: Option<u64>,
    /// From the first end in `ESTABLISHED` to the first one that left it.
    pub established_ns: Option<u64>,
    /// From the first FIN to the second; to the end if there was none.
    pub half_closed_ns: Option<u64>,
    /// From the first step out of `ESTABLISHED` to the end.
    pub teardown_ns: Option<u64>,
    /// How much of it was seen.
    pub completeness: Completeness,
}

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionEnd {
    /// Its address.
    pub address: Endpoint,
    /// Its socket, if that was seen.
    pub socket: Option<SocketId>,
    /// Its last state.
    pub state: Option<TcpState>,
    /// Its last known owner.
    pub owner: Option<Owner>,
    /// How long its handshake took: from its SYN, or from the peer's, to `ESTABLISHED`.
    pub handshake_ns: Option<u64>,
    /// Payload that it sent and that arrived; known once it can send no more.
    pub payload: Option<u64>,
    /// Segments that it sent again.
    pub retransmits: Option<u64>,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// One end closed, then the other one.
    InOrder,
    /// Both closed before either knew of the other's FIN.
    Simultaneous,
    /// Only one end ever closed; its stand-in gave up.
    HalfClosed,
    /// A RST ended it.
    Reset {
        /// The end that sent it, if that is known.
        by: Option<usize>,
    },
    /// No answer.
    TimedOut,
    /// A RST answered the SYN.
    Refused,
    /// The network said that there is no way.
    Unreachable {
        /// Its errno.
        errno: u16,
    },
    /// Another process had it destroyed.
    Destroyed,
    /// Some other error.
    Error {
        /// Its errno.
        errno: u16,
    },
    /// The opener gave up before it was open.
    Abandoned,
}

impl Outcome {
    /// The word in records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::InOrder => "in_order",
            Self::Simultaneous => "simultaneous",
            Self::HalfClosed => "half_closed",
            Self::Reset { .. } => "reset",
            Self::TimedOut => "timed_out",
            Self::Refused => "refused",
            Self::Unreachable { .. } => "unreachable",
            Self::Destroyed => "destroyed",
            Self::Error { .. } => "error",
            Self::Abandoned => "abandoned",
        }
    }
}

/// How much of a connection was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completeness {
    /// From its first step to its last, at each end that is a socket of this trace.
    Whole,
    /// It began before the trace, or before what the filter lets through.
    JoinedMidway,
    /// Steps of it were missed.
    LostEvents,
    /// Steps of it were turned away by the filter.
    Filtered,
}

impl Completeness {
    /// The word in records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::JoinedMidway => "joined_midway",
            Self::LostEvents => "lost_events",
            Self::Filtered => "filtered",
        }
    }

    /// In words for people; nothing where nothing is missing.
    #[must_use]
    pub const fn words(self) -> Option<&'static str> {
        match self {
            Self::Whole => None,
            Self::JoinedMidway => Some("joined midway"),
            Self::LostEvents => Some("events were missed"),
            Self::Filtered => Some("steps are filtered out"),
        }
    }
}
