//! Losses: when to look for them, and what is reported of them.

use super::Counted;
use crate::{
    record::{Loss, Lost, Record},
    time::Moment,
};

/// How often to look whether events were lost, nanoseconds.
pub(super) const CHECK: u64 = 100_000_000;

/// Losses so far, and how much of them was reported.
#[derive(Debug)]
pub(super) struct Losses {
    /// Records that could not be read.
    pub(super) undecodable: u64,
    /// Notes that were lost, as the last batch found it.
    lost_notes: u64,
    told: Counted,
    told_undecodable: u64,
    checked: u64,
    next_check: Option<u64>,
}

impl Losses {
    pub(super) fn new(now: Moment) -> Self {
        Self {
            undecodable: 0,
            lost_notes: 0,
            told: Counted::default(),
            told_undecodable: 0,
            checked: now.mono_ns,
            next_check: None,
        }
    }

    /// Plans a look: something has come, so something may have been lost. Where nothing comes there was room.
    pub(super) fn plan_check(&mut self) {
        self.next_check.get_or_insert(self.checked.saturating_add(CHECK));
    }

    /// Asks for a look at once.
    pub(super) fn check_at_once(&mut self) {
        self.next_check = Some(self.checked);
    }

    /// When to look; none while nothing happens.
    pub(super) const fn next_check(&self) -> Option<u64> {
        self.next_check
    }

    /// Whether records could not be read that were not reported yet.
    pub(super) const fn has_untold(&self) -> bool {
        self.undecodable > self.told_undecodable
    }

    /// Tells of what was lost since the last time; says whether there was any.
    pub(super) fn tell(&mut self, now: Moment, mut counted: Counted, out: &mut Vec<Record>) -> bool {
        (self.next_check, self.checked) = (None, now.mono_ns);
        // What was skipped is read before what was made good, so it may shrink for a moment.
        counted.recursion = counted.recursion.max(self.told.recursion);
        let before = std::mem::replace(&mut self.told, counted);
        let told_undecodable = std::mem::replace(&mut self.told_undecodable, self.undecodable);
        let ring_full = |counted: Counted| counted.ring_full + counted.lost_notes;
        let losses = [
            (ring_full(counted).saturating_sub(ring_full(before)), Loss::RingFull),
            (counted.recursion - before.recursion, Loss::Recursion),
            (self.undecodable - told_undecodable, Loss::Undecodable),
        ];
        let noticed = losses.into_iter().filter(|(count, _)| *count > 0);
        let any = out.len();
        out.extend(noticed.map(|(count, reason)| Record::Lost(Lost { at: now, count, reason })));
        out.len() > any
    }

    /// Takes in how many notes were lost by now; says whether there are more of them.
    pub(super) fn set_lost_notes(&mut self, lost_notes: u64) -> bool {
        std::mem::replace(&mut self.lost_notes, lost_notes) != lost_notes
    }
}
