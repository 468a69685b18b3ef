//! The recordings of several hosts as one, by their wall clocks.

use std::{
    collections::BTreeMap,
    io::{self, BufRead},
};

use super::{Left, Recorded, join::Join};
use crate::{
    record::{ConnectionId, Record, SocketId},
    time::Moment,
};

/// Number of records that are read ahead of each recording: lines may be late, and the other end of a connection is known
/// before the first record of it is emitted.
const AHEAD: usize = 1_024;

/// One recording, with the records that were read ahead: by trace, monotonic time, and place.
#[derive(Debug)]
struct Host<R> {
    recorded: Recorded<R>,
    ahead: BTreeMap<(u64, u64, u64), Record>,
    traces: u64,
    place: u64,
    is_over: bool,
}

/// Result of reading on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "almost all of them are records")]
pub enum Read {
    /// A record.
    Record(Record),
    /// A line that yields no record, of the only recording: the next line may be long in coming.
    Nothing,
    /// The end of every recording.
    End,
}

/// Recordings that are merged. A single one stays as it is.
#[derive(Debug)]
pub struct Merge<R> {
    hosts: Vec<Host<R>>,
    join: Join,
    /// Distance from the wall clock to the monotonic clock of the first record's host, by which all times are emitted.
    wall_minus_mono: Option<i64>,
}

impl<R: BufRead> Merge<R> {
    /// A merge of these.
    pub fn new(inputs: impl IntoIterator<Item = R>) -> Self {
        let host = |input| Host {
            recorded: Recorded::new(input),
            ahead: BTreeMap::new(),
            traces: 0,
            place: 0,
            is_over: false,
        };
        Self { hosts: inputs.into_iter().map(host).collect(), join: Join::default(), wall_minus_mono: None }
    }

    /// The input, if there is only one.
    pub fn only_input(&self) -> Option<&R> {
        match self.hosts.as_slice() {
            [host] => Some(host.recorded.input()),
            _ => None,
        }
    }

    /// State of each recording so far.
    #[must_use]
    pub fn left(&self) -> Vec<Left> {
        self.hosts.iter().map(|host| host.recorded.left()).collect()
    }

    /// Reads on.
    ///
    /// # Errors
    /// Only those of the inputs, with the number of the recording.
    pub fn read(&mut self) -> Result<Read, (usize, io::Error)> {
        if let [host] = self.hosts.as_mut_slice() {
            let read = host.recorded.next().transpose().map_err(|error| (0, error))?;
            return Ok(read.map_or(Read::End, |record| record.map_or(Read::Nothing, Read::Record)));
        }
        for (index, host) in self.hosts.iter_mut().enumerate() {
            while !host.is_over && host.ahead.len() < AHEAD {
                match host.recorded.next().transpose().map_err(|error| (index, error))? {
                    None => host.is_over = true,
                    Some(None) => {}
                    Some(Some(record)) => {
                        self.join.learn(index, &record);
                        host.traces += u64::from(matches!(record, Record::Start(_)));
                        host.place += 1;
                        host.ahead.insert((host.traces, record.at().mono_ns, host.place), record);
                    }
                }
            }
        }
        let next = self.hosts.iter_mut().enumerate().filter_map(|(index, host)| {
            let at = host.ahead.first_key_value()?.1.at().wall_ns;
            Some((at, index, host))
        });
        let next = next.min_by_key(|(at, index, _)| (*at, *index));
        let next = next.and_then(|(_, index, host)| Some((index, host.ahead.pop_first()?.1)));
        Ok(next.map_or(Read::End, |(index, record)| Read::Record(self.translate(index, record))))
    }

    /// Reads on to the next record; `None` at the end.
    ///
    /// # Errors
    /// Only those of the inputs, with the number of the recording.
    pub fn read_record(&mut self) -> Result<Option<Record>, (usize, io::Error)> {
        loop {
            match self.read()? {
                Read::Record(record) => return Ok(Some(record)),
                Read::Nothing => {}
                Read::End => return Ok(None),
            }
        }
    }

    /// The record with ids and times of the merged trace.
    fn translate(&mut self, index: usize, mut record: Record) -> Record {
        let (mut later, now) = (0, record.at().wall_ns);
        if let Some(subject) = record.subject_mut() {
            // The kernel counts cookies up from 1: no host comes to 2^56. So the rest stays readable.
            let host = (index as u64) << 56;
            subject.socket = match subject.socket {
                SocketId::Cookie(cookie) => SocketId::Cookie(cookie ^ host),
                SocketId::Serial(serial) => SocketId::Serial(serial ^ host),
            };
            subject.connection = subject.connection.map(|id: ConnectionId| {
                let number;
                (number, later) = self.join.emit(index, id, now);
                number
            });
        }
        if let Some(since) = record.since_first_mut() {
            *since = since.saturating_add(later);
        }
        let at = self.moment(record.at());
        *record.at_mut() = at;
        record
    }

    /// A moment by the clock of the merged trace.
    pub fn moment(&mut self, at: Moment) -> Moment {
        if self.hosts.len() == 1 {
            return at;
        }
        let Moment { mono_ns, wall_ns } = at;
        let mono = i64::try_from(mono_ns).unwrap_or(i64::MAX);
        let distance = *self.wall_minus_mono.get_or_insert(wall_ns.saturating_sub(mono));
        Moment { mono_ns: wall_ns.saturating_sub(distance).max(0).unsigned_abs(), wall_ns }
    }

    /// Number of connections that are remembered to join them.
    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        self.join.remembered()
    }
}
