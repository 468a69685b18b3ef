//! How much of a connection was seen.

use crate::{
    connection::{ConnectionHistory, What},
    record::Completeness,
    tcp::{self, TcpState},
};

impl Completeness {
    pub(super) fn of(history: &ConnectionHistory) -> Self {
        let mut states: Vec<Option<TcpState>> = vec![None; history.sides.len()];
        let (mut lost, mut gaps) = (false, false);
        for step in &history.steps {
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
        match (lost, history.begins(), gaps) {
            (true, ..) => Self::LostEvents,
            (_, false, _) => Self::JoinedMidway,
            (.., true) => Self::Filtered,
            _ => Self::Whole,
        }
    }
}
