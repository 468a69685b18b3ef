//! Recordings from the first record to the ending: read, merged, with stuck sockets found anew.

use std::io::{self, BufRead};

use super::{Left, Merge, Read};
use crate::{
    pipeline::{Ending, Pipeline},
    record::{End, Record, Totals},
    stuck::{Limits, StuckDetector},
    time::Moment,
};

/// Recordings that are replayed.
#[derive(Debug)]
pub struct Playback<R> {
    merge: Merge<R>,
    detector: Option<StuckDetector>,
}

impl<R: BufRead> Playback<R> {
    /// A playback of these, with `stuck` records by these limits in place of the recorded ones.
    pub fn new(inputs: impl IntoIterator<Item = R>, stuck: Option<Limits>) -> Self {
        Self { merge: Merge::new(inputs), detector: stuck.map(StuckDetector::new) }
    }

    /// The input, if there is only one.
    pub fn only_input(&self) -> Option<&R> {
        self.merge.only_input()
    }

    /// State of each recording so far.
    #[must_use]
    pub fn left(&self) -> Vec<Left> {
        self.merge.left()
    }

    /// Reads on, and appends what there is to emit: often one record, sometimes none. Says whether there is more.
    ///
    /// # Errors
    /// Only those of the inputs, with the number of the recording.
    pub fn read(&mut self, out: &mut Vec<Record>) -> Result<bool, (usize, io::Error)> {
        match self.merge.read()? {
            Read::End => return Ok(false),
            Read::Nothing => {}
            // By other limits.
            Read::Record(Record::Stuck(_)) if self.detector.is_some() => {}
            Read::Record(record) => {
                // Another trace: what the one before left open may have moved on since.
                let is_cut = matches!(record, Record::Start(_)) && self.merge.only_input().is_some();
                if let Some(detector) = &mut self.detector {
                    if is_cut {
                        detector.clear();
                    }
                    detect(detector, &record, out);
                }
                out.push(record);
            }
        }
        Ok(true)
    }

    /// Ends the playback, before its end if it `is_enough`: emits the sockets that are stuck by then, closes the pipeline, and
    /// returns the ending; `None` if there was no record at all.
    pub fn finish(&mut self, pipeline: &mut Pipeline<'_>, is_enough: bool) -> Option<Ending> {
        let left = self.merge.left();
        let last = left.iter().filter_map(|left| left.last).max_by_key(|at| at.wall_ns)?;
        let at = self.merge.moment(last);
        if let Some(detector) = self.detector.as_mut().filter(|_| !is_enough) {
            pipeline.emit(&mut detector.overdue(at).into_iter().map(Record::Stuck).collect());
        }
        pipeline.close();
        let open_at = left.iter().filter_map(|left| left.skipped.open_at).max_by_key(|at| at.wall_ns);
        let Totals { shown, filtered, .. } = pipeline.totals();
        let [filtered, lost] = left.iter().fold([filtered, 0], |[filtered, lost], left| {
            let Totals { filtered: more, lost: also, .. } = left.totals;
            [filtered.saturating_add(more), lost.saturating_add(also)]
        });
        let totals =
            Totals { seen: shown.saturating_add(filtered).saturating_add(lost), shown, filtered, lost };
        Some(Ending {
            end: End { at, totals, illegal: pipeline.illegal() },
            open_at: open_at.map_or(at, |open_at| self.merge.moment(open_at)),
            is_complete: is_enough || left.iter().all(|left| left.is_complete),
            is_recorded: true,
            dumped: None,
        })
    }
}

/// Adds what was due before a record, and lets the detector follow it: what happens at the very moment goes first.
fn detect(detector: &mut StuckDetector, record: &Record, out: &mut Vec<Record>) {
    let Moment { mono_ns, wall_ns } = record.at();
    if let Some(before) = mono_ns.checked_sub(1) {
        let before = Moment { mono_ns: before, wall_ns: wall_ns.saturating_sub(1) };
        out.extend(detector.overdue(before).into_iter().map(Record::Stuck));
    }
    detector.follow(record);
}
