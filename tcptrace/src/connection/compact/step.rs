//! One step in bytes: when, of which side, and the place of its kind in a table of them; in full where it has none.

use foldhash::HashMap;

use super::{
    Step, What,
    coder::{self, Coded as _, Coder},
};
use crate::{tcp::TcpState, time::Moment};

/// Kinds of steps, apart from when and to which connection they happened: there are not many.
#[derive(Debug, Default)]
pub(super) struct Kinds {
    table: Vec<What>,
    places: HashMap<What, usize>,
}

impl Kinds {
    /// Number of kinds that are kept once. The kernel's and ours are far fewer; a recording may say anything.
    pub(super) const MOST: usize = 4_096;

    /// Number of the kind of this step: its place from 1 on, or 0 if it has none.
    pub(super) fn number(&mut self, what: &What) -> usize {
        // A count may be any number: it would fill the table.
        if matches!(what, What::Retransmitted(..)) {
            return 0;
        }
        if let Some(number) = self.places.get(what) {
            return *number;
        }
        if self.table.len() == Self::MOST {
            return 0;
        }
        self.table.push(what.clone());
        self.places.insert(what.clone(), self.table.len());
        self.table.len()
    }

    /// Passes a step whose kind has this number, by the time of the step before it.
    pub(super) fn step(&self, coder: &mut impl Coder, step: Step, number: usize, before: Moment) -> Step {
        let at = coder::moment(coder, step.at, before);
        // With the side in the last bit.
        let number = (number << 1 | step.side).coded(coder);
        let (number, side) = (number >> 1, number & 1);
        let kept = number.checked_sub(1).and_then(|place| self.table.get(place)).cloned();
        Step { at, side, what: kept.unwrap_or_else(|| step.what.coded(coder)) }
    }
}

/// Step to read another one into.
pub(super) fn blank() -> Step {
    Step { at: Moment::default(), side: 0, what: What::Existing(TcpState::Close) }
}
