//! One recording as a source of records: a gap is emitted where it is, and the totals are kept.

use std::io::{self, BufRead};

use crate::{
    record::{ConnectionId, End, Loss, Lost, Record, SocketId, Totals},
    recording::{Item, Reader, SkippedReport},
    time::Moment,
};

/// A recording that is read.
#[derive(Debug)]
pub struct Recorded<R> {
    reader: Reader<R>,
    /// A record that waits until the gap before it is emitted.
    waiting: Option<Record>,
    missing: u64,
    last: Option<Moment>,
    /// Totals of the traces that are over.
    past: Totals,
    /// Events of the trace that is read, and events that were lost.
    events: u64,
    lost: u64,
    /// Whether a trace began, or went on, and has no end yet.
    goes_on: bool,
    /// Numbers in an earlier trace of the same recording are not given again: what it came to, and what to add now.
    highest: [u64; 2],
    offset: [u64; 2],
}

/// State of a recording, as far as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// Events that its trace turned away and lost. Those that it emitted are not counted: they are emitted again.
    pub totals: Totals,
    /// Whether it has its end.
    pub is_complete: bool,
    /// The moment of its end, or of its last record; `None` if nothing could be read.
    pub last: Option<Moment>,
    /// Whether there was anything to read at all.
    pub is_empty: bool,
    /// Lines and bytes that were skipped.
    pub skipped: SkippedReport,
}

impl<R: BufRead> Recorded<R> {
    /// The recording in `input`.
    pub fn new(input: R) -> Self {
        Self {
            reader: Reader::new(input),
            waiting: None,
            missing: 0,
            last: None,
            past: Totals::default(),
            events: 0,
            lost: 0,
            goes_on: false,
            highest: [0; 2],
            offset: [0; 2],
        }
    }

    /// Source it reads from.
    pub fn input(&self) -> &R {
        self.reader.input()
    }

    /// State of the recording so far.
    #[must_use]
    pub fn left(&self) -> Left {
        let Totals { filtered, lost, .. } = self.past;
        Left {
            totals: Totals { filtered, lost: lost.saturating_add(self.lost), ..Totals::default() },
            is_complete: !self.goes_on && self.last.is_some(),
            last: self.last,
            is_empty: self.reader.is_empty,
            skipped: self.reader.skipped.clone(),
        }
    }

    /// Takes note of a record; the end of a trace is kept.
    fn take(&mut self, mut record: Record) -> Option<Record> {
        self.last = Some(record.at());
        match &record {
            Record::End(End { totals, .. }) => {
                self.past.filtered = self.past.filtered.saturating_add(totals.filtered);
                // What it emitted and is not here could not be read.
                let unread = totals.shown.saturating_sub(self.events);
                self.past.lost = self.past.lost.saturating_add(totals.lost).saturating_add(unread);
                (self.events, self.lost, self.goes_on) = (0, 0, false);
                return None;
            }
            Record::Start(_) => {
                self.past.lost = self.past.lost.saturating_add(self.lost);
                (self.events, self.lost) = (0, 0);
                self.offset = self.highest;
            }
            Record::Lost(lost) => self.lost = self.lost.saturating_add(lost.count),
            _ => self.events += u64::from(record.is_event()),
        }
        self.goes_on = true;
        if let Some(subject) = record.subject_mut() {
            let [connections, serials] = self.offset;
            if let Some(ConnectionId(id)) = &mut subject.connection {
                *id = id.saturating_add(connections);
                self.highest[0] = self.highest[0].max(*id);
            }
            if let SocketId::Serial(id) = &mut subject.socket {
                *id = id.saturating_add(serials);
                self.highest[1] = self.highest[1].max(*id);
            }
        }
        Some(record)
    }

    /// A record of what is missing, as of `at`.
    fn report_missing(&mut self, at: Moment) -> Record {
        let count = std::mem::take(&mut self.missing);
        self.lost = self.lost.saturating_add(count);
        Record::Lost(Lost { at, count, reason: Loss::Unreadable })
    }
}

impl<R: BufRead> Iterator for Recorded<R> {
    /// A record, or nothing for a line that yields none: the next one may be long in coming.
    type Item = io::Result<Option<Record>>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(record) = self.waiting.take() {
            return Some(Ok(self.take(record)));
        }
        let record = match self.reader.next() {
            Some(Err(error)) => return Some(Err(error)),
            Some(Ok(Item::Gap(lines))) => {
                self.missing += lines;
                None
            }
            Some(Ok(Item::Skipped)) => None,
            Some(Ok(Item::Record(record))) if self.missing > 0 => {
                let at = self.last.unwrap_or(record.at());
                self.waiting = Some(record);
                Some(self.report_missing(at))
            }
            Some(Ok(Item::Record(record))) => self.take(record),
            None => {
                let at = self.last.filter(|_| self.missing > 0)?;
                Some(self.report_missing(at))
            }
        };
        Some(Ok(record))
    }
}
