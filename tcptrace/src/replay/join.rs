//! Joins connections of different recordings that are one: reversed addresses at the same time.
//!
//! Records are learned when they are read ahead, and counted until they are emitted: what is known of a connection when
//! its first record is emitted is all that the records read ahead say, and nothing is forgotten that has any of them left.

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
};

use crate::{
    address::Tuple,
    record::{ConnectionId, Record, SocketId, Stuck},
    tcp::TcpState,
};

/// Largest distance between the clocks of two hosts, nanoseconds: those that NTP keeps are milliseconds apart.
const SKEW: i64 = 2_000_000_000;
/// How long a connection that is over is remembered, nanoseconds: minisockets live 60 s.
const REMEMBERED: i64 = 120_000_000_000;
/// Number of connections that are over and remembered.
const MOST: usize = 1 << 17;

/// A connection in one recording: which one, and its number there.
type Key = (usize, ConnectionId);

/// One recording's part of a connection.
#[derive(Debug)]
struct Life {
    tuple: Tuple,
    /// Its sockets in this recording, and whether each was seen to end.
    ends: Vec<(SocketId, bool)>,
    first: i64,
    last: i64,
    /// Records that were read and are not emitted yet.
    pending: usize,
    /// The part that another recording has.
    other: Option<Key>,
    number: Option<ConnectionId>,
    /// Whether it is among those to be forgotten.
    is_queued: bool,
}

impl Life {
    fn is_over(&self) -> bool {
        self.ends.iter().all(|(_, is_over)| *is_over)
    }

    /// Whether another recording can have its other end: nothing on loopback leaves its host.
    fn can_join(&self) -> bool {
        let is_loopback = |address: IpAddr| address.is_loopback();
        self.ends.len() == 1
            && self.other.is_none()
            && self.tuple.is_complete()
            && !is_loopback(self.tuple.local.address)
            && !is_loopback(self.tuple.remote.address)
    }

    /// Whether both were there at the same time, as far as the clocks can say.
    fn overlaps(&self, other: &Self) -> bool {
        let begins_before_the_end_of =
            |one: &Self, other: &Self| !other.is_over() || one.first.saturating_sub(SKEW) <= other.last;
        begins_before_the_end_of(self, other) && begins_before_the_end_of(other, self)
    }
}

/// Numbers for the connections of several recordings.
#[derive(Debug, Default)]
pub(super) struct Join {
    lives: HashMap<Key, Life>,
    /// Those whose other end is not found yet, by their own addresses.
    alone: HashMap<Tuple, Vec<Key>>,
    /// Those to be forgotten, and when the last record of each was emitted.
    over: VecDeque<(i64, Key)>,
    highest: u64,
}

impl Join {
    /// Takes in a record of recording `from` that was read, and is yet to be [emitted](Self::emit).
    pub(super) fn learn(&mut self, from: usize, record: &Record) {
        let Some((subject, id)) = record.subject().and_then(|subject| Some((subject, subject.connection?)))
        else {
            return;
        };
        let (key, now) = ((from, id), record.at().wall_ns);
        let since = since_first(record).and_then(|since| i64::try_from(since).ok()).unwrap_or(0);
        let life = self.lives.entry(key).or_insert_with(|| Life {
            tuple: subject.tuple,
            ends: Vec::with_capacity(1),
            first: now.saturating_sub(since),
            last: now,
            pending: 0,
            other: None,
            number: None,
            is_queued: false,
        });
        life.last = life.last.max(now);
        life.pending += 1;
        let end = life.ends.iter().position(|(socket, _)| *socket == subject.socket);
        let end = end.unwrap_or_else(|| {
            life.ends.push((subject.socket, false));
            life.ends.len() - 1
        });
        // An end that is over stays so, whatever line comes late.
        life.ends[end].1 |= matches!(state_after(record), Some(TcpState::Close | TcpState::TimeWait));
        let before = life.tuple;
        if life.ends.len() == 1 {
            life.tuple = subject.tuple;
        }
        let (tuple, can_join) = (life.tuple, life.can_join());
        if tuple != before || !can_join {
            self.leave(before, key);
        }
        if can_join {
            let alone = self.alone.entry(tuple).or_default();
            if !alone.contains(&key) {
                alone.push(key);
            }
        }
    }

    /// Number of a connection in the merged trace, for a record of it that is emitted `now`; and how much later than
    /// there its own recording saw it first, nanoseconds.
    pub(super) fn emit(&mut self, from: usize, id: ConnectionId, now: i64) -> (ConnectionId, u64) {
        let key = (from, id);
        self.pair(key);
        let of_other = self.other(key).map(|other| (other.first, other.number));
        let highest = &mut self.highest;
        let mut next = || {
            *highest += 1;
            ConnectionId(*highest)
        };
        // Every record is learned before.
        let Some(life) = self.lives.get_mut(&key) else { return (next(), 0) };
        let number = life.number.or(of_other.and_then(|(_, number)| number)).unwrap_or_else(next);
        life.number = Some(number);
        life.pending = life.pending.saturating_sub(1);
        let earlier = of_other.map_or(life.first, |(first, _)| first);
        let later = life.first.saturating_sub(earlier).max(0).unsigned_abs();
        self.queue(key, now);
        self.forget(now);
        (number, later)
    }

    fn other(&self, key: Key) -> Option<&Life> {
        self.lives.get(&self.lives.get(&key)?.other?)
    }

    /// Joins it with its other end, if that is known. Two that have numbers keep them.
    fn pair(&mut self, key: Key) {
        let Some(life) = self.lives.get(&key).filter(|life| life.can_join()) else { return };
        let candidates = self.alone.get(&life.tuple.reversed()).into_iter().flatten();
        let others = candidates.filter_map(|other| Some((*other, self.lives.get(other)?)));
        let nearest = others
            .filter(|(other, there)| {
                other.0 != key.0 && (life.number.is_none() || there.number.is_none()) && life.overlaps(there)
            })
            .min_by_key(|(_, there)| life.first.abs_diff(there.first));
        let Some((other, there)) = nearest else { return };
        let ends = [(key, life.tuple, other), (other, there.tuple, key)];
        for (one, tuple, another) in ends {
            self.leave(tuple, one);
            if let Some(life) = self.lives.get_mut(&one) {
                life.other = Some(another);
            }
        }
    }

    /// Takes it out of those that wait for their other end.
    fn leave(&mut self, tuple: Tuple, key: Key) {
        if let Some(alone) = self.alone.get_mut(&tuple) {
            alone.retain(|other| *other != key);
            if alone.is_empty() {
                self.alone.remove(&tuple);
            }
        }
    }

    /// Whether every end is over, in both recordings, and every record of it emitted.
    fn is_done(&self, key: Key) -> bool {
        let here = self.lives.get(&key);
        here.into_iter().chain(self.other(key)).all(|life| life.is_over() && life.pending == 0)
    }

    /// Has it forgotten after a while, together with its other end, if it is done.
    fn queue(&mut self, key: Key, now: i64) {
        if !self.is_done(key) {
            return;
        }
        let other = self.lives.get(&key).and_then(|life| life.other);
        for key in [Some(key), other].into_iter().flatten() {
            if let Some(life) = self.lives.get_mut(&key).filter(|life| !life.is_queued) {
                life.is_queued = true;
                self.over.push_back((now, key));
            }
        }
    }

    /// Forgets what has been over for long enough at the time that the emitted records have come to.
    fn forget(&mut self, now: i64) {
        while let Some((at, key)) = self.over.front().copied() {
            if self.over.len() <= MOST && now.saturating_sub(at) <= REMEMBERED {
                return;
            }
            self.over.pop_front();
            if !self.is_done(key) {
                // Something more was read of it: its last record will queue it again.
                self.lives.entry(key).and_modify(|life| life.is_queued = false);
            } else if let Some(life) = self.lives.remove(&key) {
                self.leave(life.tuple, key);
            }
        }
    }

    /// Number of connections that are remembered.
    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        self.lives.len()
    }
}

/// The state in which the record leaves its socket.
const fn state_after(record: &Record) -> Option<TcpState> {
    match record {
        Record::Transition(step) => Some(step.to),
        Record::Existing(found) => Some(found.state),
        Record::Orphan(orphan) => Some(orphan.state),
        Record::Retransmit(sent) => Some(sent.state),
        Record::Reset(reset) => Some(reset.state),
        Record::Stuck(Stuck { state, .. }) => Some(*state),
        Record::Start(_) | Record::Connection(_) | Record::Lost(_) | Record::End(_) => None,
    }
}

const fn since_first(record: &Record) -> Option<u64> {
    match record {
        Record::Transition(step) => step.since_first_ns,
        Record::Orphan(orphan) => orphan.since_first_ns,
        Record::Retransmit(sent) => sent.since_first_ns,
        Record::Reset(reset) => reset.since_first_ns,
        _ => None,
    }
}
