//! How much of a connection was seen.

use crate::{
    report::{Account, What},
    tcp::{self, TcpState},
};

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

    pub(super) fn of(account: &Account) -> Self {
        let mut states: Vec<Option<TcpState>> = vec![None; account.sides.len()];
        let (mut lost, mut gaps) = (false, false);
        for step in &account.steps {
            let (from, to) = match step.what {
                What::Changed(from, to, ..) => {
                    lost |= step.is_unseen() || matches!(tcp::step(from, to), tcp::Step::Impossible);
                    (from, to)
                }
                What::Orphaned(state) | What::Existing(state) => (state, state),
                What::SentAgain(..) | What::Reset(..) => continue,
            };
            if let Some(state) = states.get_mut(step.side) {
                gaps |= state.is_some_and(|state| state != from);
                *state = Some(to);
            }
        }
        match (lost, account.begins(), gaps) {
            (true, ..) => Self::LostEvents,
            (_, false, _) => Self::JoinedMidway,
            (.., true) => Self::Filtered,
            _ => Self::Whole,
        }
    }
}
