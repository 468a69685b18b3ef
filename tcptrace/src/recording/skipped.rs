//! Parts of recordings that were skipped, counted by kind.

use std::{collections::BTreeMap, fmt};

use crate::time::Moment;

/// Number of names of one kind that are counted apart; a hostile recording has more.
const NAMES: usize = 20;

/// Counts of what was skipped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SkippedReport {
    /// Lines that are no records, or are half of one.
    pub lines: u64,
    /// Bytes of holes: NULs where the file was cut or the machine lost power.
    pub holes: u64,
    /// Moment of the summaries of connections that were still open: they are made anew as of then.
    pub open_at: Option<Moment>,
    /// Records that say that they are of another version of the contract. They are read as far as they are understood.
    pub versions: Names,
    /// Records of types that this version does not know.
    pub types: Names,
    /// Fields that it does not know.
    pub fields: Names,
    /// Words that it does not know, as `field word`.
    pub words: Names,
}

/// Names from outside, and how often each occurs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    counts: BTreeMap<String, u64>,
    others: u64,
}

impl Names {
    pub(super) fn add(&mut self, name: &str) {
        if let Some(count) = self.counts.get_mut(name) {
            *count += 1;
        } else if self.counts.len() < NAMES && name.len() < 100 {
            self.counts.insert(name.to_owned(), 1);
        } else {
            self.others += 1;
        }
    }

    /// Sum of all counts.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.values().sum::<u64>() + self.others
    }
}

impl fmt::Display for Names {
    /// `thread ×12, zone ×3`, safe for terminals.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (name, count)) in self.counts.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}{} ×{count}", name.escape_default())?;
        }
        match self.others {
            0 => Ok(()),
            others => write!(f, ", others ×{others}"),
        }
    }
}

impl SkippedReport {
    /// Sentences for people, one for each kind of which there is something.
    #[must_use]
    pub fn sentences(&self) -> Vec<String> {
        let Self { lines, holes, open_at: _, versions, types, fields, words } = self;
        let mut all = Vec::new();
        if *lines > 0 {
            all.push(format!("lines that could not be read: {lines}"));
        }
        if *holes > 0 {
            all.push(format!("holes of NUL bytes, {holes} bytes in all"));
        }
        for (what, names) in [
            ("records of another version, in which fields may mean something else", versions),
            ("skipped, records of unknown types", types),
            ("skipped, unknown fields", fields),
            ("skipped, unknown words", words),
        ] {
            if names.total() > 0 {
                all.push(format!("{what}: {names}"));
            }
        }
        all
    }
}
