//! The outcome of a connection, and the extent to which it was seen.

use crate::named::named;

named! {
    /// Way in which a connection ended.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Outcome with OutcomeDetails {
        /// One end closed, then the other one.
        InOrder => "in_order",
        /// Both closed before either knew of the other's FIN.
        Simultaneous => "simultaneous",
        /// Only one end ever closed; its minisocket gave up.
        HalfClosed => "half_closed",
        /// A RST ended it.
        Reset {
            /// Index of the end that sent it, if that is known.
            by: Option<usize>,
        } => "reset",
        /// No answer came.
        TimedOut => "timed_out",
        /// A RST answered the SYN.
        Refused => "refused",
        /// The network said that there is no way.
        Unreachable {
            /// Number of the error.
            errno: u16,
        } => "unreachable",
        /// Another process had it destroyed.
        Destroyed => "destroyed",
        /// Another error.
        Error {
            /// Number of the error.
            errno: u16,
        } => "error",
        /// The opener gave up before it was open.
        Abandoned => "abandoned",
    }
}

/// Values that an [`Outcome`] carries besides its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutcomeDetails {
    /// Index of the end that sent the RST.
    pub by: Option<usize>,
    /// Number of the error.
    pub errno: Option<u16>,
}

named! {
    /// Extent to which a connection was seen.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Completeness {
        /// Every step from the first to the last, at each end that is a socket of this trace.
        Whole => "whole",
        /// The connection began before the trace, or before what the filter lets through.
        JoinedMidway => "joined_midway",
        /// Steps of the connection were missed.
        LostEvents => "lost_events",
        /// Steps of the connection were turned away by the filter.
        Filtered => "filtered",
    }
}

impl Completeness {
    /// Description for people; `None` where nothing is missing.
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
