//! Which connections of different recordings are one: reversed addresses at the same time.

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
};

use crate::{
    address::Tuple,
    record::{ConnectionId, Record, SocketId},
    tcp::TcpState,
};

/// Clocks of hosts differ by so much at most, nanoseconds: those that NTP keeps do by milliseconds.
const SKEW: i64 = 2_000_000_000;
/// How long a connection that is over is remembered, nanoseconds: stand-ins live 60 s.
const REMEMBERED: i64 = 120_000_000_000;
/// And how many of them.
const MOST: usize = 1 << 17;

/// A connection in one recording: which one, and its number there.
type Key = (usize, ConnectionId);

#[derive(Debug)]
struct Life {
    tuple: Tuple,
    socket: SocketId,
    first: i64,
    last: i64,
    is_over: bool,
    /// Both ends are in its own recording.
    is_whole: bool,
    other: Option<Key>,
    number: Option<ConnectionId>,
}

/// Numbers for the connections of several recordings.
#[derive(Debug, Default)]
pub(super) struct Join {
    lives: HashMap<Key, Life>,
    /// Those whose other end is not found yet, by their own addresses.
    alone: HashMap<Tuple, Vec<Key>>,
    over: VecDeque<(i64, Key)>,
    highest: u64,
}

impl Join {
    /// Takes note of a record of recording `from`, before it is told.
    pub(super) fn learn(&mut self, from: usize, record: &Record) {
        let Some((subject, id)) = record.subject().and_then(|subject| Some((subject, subject.connection?)))
        else {
            return;
        };
        let (key, now) = ((from, id), record.at().wall_ns);
        let since = since_first(record).and_then(|since| i64::try_from(since).ok()).unwrap_or(0);
        let life = self.lives.entry(key).or_insert_with(|| Life {
            tuple: subject.tuple,
            socket: subject.socket,
            first: now.saturating_sub(since),
            last: now,
            is_over: false,
            is_whole: false,
            other: None,
            number: None,
        });
        life.last = life.last.max(now);
        life.is_whole |= life.socket != subject.socket;
        if !life.is_whole {
            life.tuple = subject.tuple;
        }
        let ends = matches!(record, Record::Transition(step) if matches!(step.to, TcpState::Close | TcpState::TimeWait));
        if ends && !life.is_over {
            life.is_over = true;
            self.over.push_back((now, key));
        }
        self.pair(key);
        self.forget(now);
    }

    /// The connection's number in the story, and how much later than there its own recording saw it first.
    pub(super) fn number(&mut self, from: usize, id: ConnectionId) -> (ConnectionId, u64) {
        let key = (from, id);
        let other = self.lives.get(&key).and_then(|life| life.other);
        let numbers = [Some(key), other].map(|key| self.lives.get(&key?)?.number);
        let number = numbers.into_iter().flatten().min().unwrap_or_else(|| {
            self.highest += 1;
            ConnectionId(self.highest)
        });
        let Some(life) = self.lives.get_mut(&key) else { return (number, 0) };
        life.number = Some(number);
        let first = life.first;
        let earlier = other.and_then(|other| self.lives.get(&other)).map_or(first, |other| other.first);
        (number, first.saturating_sub(earlier).max(0).unsigned_abs())
    }

    fn pair(&mut self, key: Key) {
        let Some(life) = self.lives.get(&key) else { return };
        if life.other.is_some() || life.is_whole || !life.tuple.is_complete() || is_loopback(&life.tuple) {
            return;
        }
        let candidates = self.alone.get(&life.tuple.reversed()).into_iter().flatten();
        let other = candidates.copied().find(|other| {
            self.lives.get(other).is_some_and(|there| {
                other.0 != key.0 && there.other.is_none() && !there.is_whole && overlap(life, there)
            })
        });
        let tuple = life.tuple;
        let Some(other) = other else {
            let alone = self.alone.entry(tuple).or_default();
            if !alone.contains(&key) {
                alone.push(key);
            }
            return;
        };
        for (one, another) in [(key, other), (other, key)] {
            self.leave(one);
            if let Some(life) = self.lives.get_mut(&one) {
                life.other = Some(another);
            }
        }
    }

    /// It waits for its other end no longer.
    fn leave(&mut self, key: Key) {
        let Some(life) = self.lives.get(&key) else { return };
        if let Some(alone) = self.alone.get_mut(&life.tuple) {
            alone.retain(|other| *other != key);
            if alone.is_empty() {
                self.alone.remove(&life.tuple);
            }
        }
    }

    fn forget(&mut self, now: i64) {
        while let Some((at, key)) = self.over.front().copied() {
            if self.over.len() <= MOST && now.saturating_sub(at) <= REMEMBERED {
                return;
            }
            self.over.pop_front();
            self.leave(key);
            self.lives.remove(&key);
        }
    }
}

fn overlap(one: &Life, other: &Life) -> bool {
    let begins_before_the_end_of =
        |one: &Life, other: &Life| !other.is_over || one.first.saturating_sub(SKEW) <= other.last;
    begins_before_the_end_of(one, other) && begins_before_the_end_of(other, one)
}

/// Nothing on loopback leaves its host.
fn is_loopback(tuple: &Tuple) -> bool {
    let is = |address: IpAddr| address.is_loopback();
    is(tuple.local.address) || is(tuple.remote.address)
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
