//! How much of a connection is in its history.

use crate::{
    connection::{ConnectionHistory, What},
    record::Completeness,
    tcp::{self, TcpState},
};

impl Completeness {
    pub(super) fn of(history: &ConnectionHistory) -> Self {
        let mut states: Vec<Option<TcpState>> = vec![None; history.sides.len()];
        let (mut lost, mut gaps) = (false, false);
        for step in history.state_steps() {
            let (from, to) = match step.what {
                What::Changed(from, to, ..) => {
                    lost |= step.is_unseen() || matches!(tcp::step(from, to), tcp::Step::Impossible);
                    (from, to)
                }
                What::Orphaned(state) | What::Existing(state) => (state, state),
                What::Retransmitted(..) | What::Reset(..) => continue,
            };
            if let Some(state) = states.get_mut(step.side) {
                gaps |= state.is_some_and(|state| state != from);
                *state = Some(to);
            }
        }
        // A side without its beginning is cut by a filter, if the trace saw how it came to the first step that is here.
        let mut cut =
            history.sides.iter().enumerate().filter(|(index, _)| !history.begins_at(*index)).peekable();
        let is_cut = cut.peek().is_some();
        if lost {
            Self::LostEvents
        } else if cut.any(|(_, side)| !side.is_cut) {
            Self::JoinedMidway
        } else if is_cut || gaps {
            Self::Filtered
        } else {
            Self::Whole
        }
    }
}
