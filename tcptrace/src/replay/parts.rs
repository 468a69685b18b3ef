//! The parts of a record that change when it becomes part of another trace.

use crate::{
    record::{End, Existing, Lost, Orphan, Record, Reset, Retransmit, Start, Stuck, Subject, Transition},
    time::Moment,
};

impl Record {
    /// When it happened, or was noticed.
    #[must_use]
    pub(crate) const fn at(&self) -> Moment {
        match self {
            Self::Start(Start { at, .. })
            | Self::Existing(Existing { at, .. })
            | Self::Transition(Transition { at, .. })
            | Self::Orphan(Orphan { at, .. })
            | Self::Retransmit(Retransmit { at, .. })
            | Self::Reset(Reset { at, .. })
            | Self::Stuck(Stuck { at, .. })
            | Self::Lost(Lost { at, .. })
            | Self::End(End { at, .. }) => *at,
            Self::Connection(summary) => summary.at,
        }
    }

    pub(crate) const fn subject_mut(&mut self) -> Option<&mut Subject> {
        match self {
            Self::Existing(Existing { subject, .. })
            | Self::Transition(Transition { subject, .. })
            | Self::Orphan(Orphan { subject, .. })
            | Self::Retransmit(Retransmit { subject, .. })
            | Self::Reset(Reset { subject, .. })
            | Self::Stuck(Stuck { subject, .. }) => Some(subject),
            Self::Start(_) | Self::Connection(_) | Self::Lost(_) | Self::End(_) => None,
        }
    }

    pub(crate) const fn at_mut(&mut self) -> &mut Moment {
        match self {
            Self::Start(Start { at, .. })
            | Self::Existing(Existing { at, .. })
            | Self::Transition(Transition { at, .. })
            | Self::Orphan(Orphan { at, .. })
            | Self::Retransmit(Retransmit { at, .. })
            | Self::Reset(Reset { at, .. })
            | Self::Stuck(Stuck { at, .. })
            | Self::Lost(Lost { at, .. })
            | Self::End(End { at, .. }) => at,
            Self::Connection(summary) => &mut summary.at,
        }
    }

    pub(crate) const fn since_first_mut(&mut self) -> Option<&mut u64> {
        match self {
            Self::Transition(Transition { since_first_ns, .. })
            | Self::Orphan(Orphan { since_first_ns, .. })
            | Self::Retransmit(Retransmit { since_first_ns, .. })
            | Self::Reset(Reset { since_first_ns, .. }) => since_first_ns.as_mut(),
            _ => None,
        }
    }
}
