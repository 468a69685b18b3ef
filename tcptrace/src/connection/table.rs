//! Keeps the connections that the report will tell of, and no more than that.

#[cfg(test)]
mod properties;

use std::{borrow::Cow, collections::VecDeque};

use foldhash::{HashMap, HashMapExt as _};

use super::{ConnectionHistory, compact::Compacted};
use crate::{
    record::{ConnectionId, Record, SocketId},
    tcp::TcpState,
};

/// How many connections the report tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// No report.
    None,
    /// The most recent ones.
    Latest(usize),
    /// Those that are open, for who [drains_closed](ConnectionTable::drain_closed) at once what is over. Single segments are only counted.
    Open,
    /// All of them: memory grows with every connection.
    All,
}

/// The connections that were told, open ones and the latest that are over.
#[derive(Debug)]
pub struct ConnectionTable {
    keep: Keep,
    /// Those to which something has happened lately.
    busy: HashMap<ConnectionId, ConnectionHistory>,
    /// With so many of them it is time to put away some.
    most_busy: usize,
    compact: Compacted,
    /// The sockets of connections of which only one end is known.
    by_socket: HashMap<SocketId, ConnectionId>,
    over: VecDeque<ConnectionId>,
    told: u64,
    highest: ConnectionId,
}

/// So many accounts are busy at most, unless they are such that they are not packed. In tests a few, to pack at all.
const BUSY: usize = if cfg!(test) { 2 } else { 1_024 };

impl ConnectionTable {
    /// An empty ledger.
    #[must_use]
    pub fn new(keep: Keep) -> Self {
        Self {
            keep,
            busy: HashMap::new(),
            most_busy: BUSY,
            compact: Compacted::default(),
            by_socket: HashMap::new(),
            over: VecDeque::new(),
            told: 0,
            highest: ConnectionId(0),
        }
    }

    /// Whether it hands out what is over, and keeps it no longer.
    #[must_use]
    pub fn drains_closed(&self) -> bool {
        self.keep == Keep::Open
    }

    /// Takes in a record that was told.
    pub fn add(&mut self, record: &Record) {
        if self.keep == Keep::None {
            return;
        }
        if matches!(record, Record::Stuck(_)) {
            return;
        }
        let Some((subject, id)) = record.subject().and_then(|subject| Some((subject, subject.connection?)))
        else {
            return;
        };
        let known = self.unpack(id);
        let stays = known.is_some_and(|history| history.is_paired() && history.has(subject.socket));
        let is_known = known.is_some();
        // What comes after the end of a connection that is not kept any more: one that is met only now has a new number.
        if id <= self.highest && !is_known && is_afterwards(record) {
            return;
        }
        self.highest = self.highest.max(id);
        // A socket that was told under another number belongs to this connection after all.
        let before = if stays { None } else { self.by_socket.get(&subject.socket).copied() };
        let moved = before.filter(|before| *before != id).and_then(|before| self.take(before));
        self.told += u64::from(!is_known);
        let history = self.busy.entry(id).or_insert_with(|| ConnectionHistory::new(id));
        if let Some(other) = moved {
            // It counted as one of its own.
            self.told -= 1;
            history.absorb(other);
        }
        history.add(subject, record);
        if self.keep == Keep::Open {
            history.forget_segments();
        }
        if history.is_paired() {
            if !stays {
                for side in &history.sides {
                    self.by_socket.remove(&side.socket);
                }
            }
        } else if history.has_ended(subject.socket) {
            // It may come to life again, in another connection.
            self.by_socket.remove(&subject.socket);
        } else {
            self.by_socket.insert(subject.socket, id);
        }
        if history.is_over() {
            if self.over.back() != Some(&id) {
                self.over.push_back(id);
            }
            self.trim();
        }
        self.compact_idle();
    }

    /// The connections to tell of, in the order of their numbers: those to which anything happened.
    pub fn histories(&self) -> impl ExactSizeIterator<Item = Cow<'_, ConnectionHistory>> {
        let changed = self.all().filter(|history| history.has_changed());
        let mut told_of: Vec<_> = changed.map(|history| (history.last(), history.id)).collect();
        if let Keep::Latest(most) = self.keep {
            told_of.sort_by_key(|(last, _)| std::cmp::Reverse(*last));
            told_of.truncate(most);
        }
        told_of.sort_by_key(|(_, id)| *id);
        // One by one: together they may be many times what they are here.
        told_of
            .into_iter()
            .map(|(_, id)| self.get(id).unwrap_or_else(|| Cow::Owned(ConnectionHistory::new(id))))
    }

    /// Takes out the connections that are over, for those who tell of them as they end. What comes later of one of them
    /// begins a new account.
    pub fn drain_closed(&mut self) -> Vec<ConnectionHistory> {
        let over = std::mem::take(&mut self.over);
        over.into_iter().filter_map(|id| self.take(id).filter(ConnectionHistory::has_changed)).collect()
    }

    /// How many connections were there before, and to which nothing happened since.
    #[must_use]
    pub fn unchanged(&self) -> u64 {
        self.all().filter(|history| !history.has_changed()).count() as u64
    }

    /// How many connections were told, kept or not.
    #[must_use]
    pub const fn told(&self) -> u64 {
        self.told
    }

    fn trim(&mut self) {
        let Keep::Latest(most) = self.keep else { return };
        while self.over.len() > most {
            let Some(id) = self.over.pop_front() else { return };
            // It may have come to life again: the other end of a connection can be told late.
            if self.get(id).is_some_and(|history| history.is_over()) && !self.over.contains(&id) {
                self.take(id);
            }
        }
    }

    fn all(&self) -> impl Iterator<Item = Cow<'_, ConnectionHistory>> {
        let compact = self.compact.ids().filter_map(|id| self.compact.get(id));
        self.busy.values().map(Cow::Borrowed).chain(compact.map(Cow::Owned))
    }

    fn get(&self, id: ConnectionId) -> Option<Cow<'_, ConnectionHistory>> {
        self.busy.get(&id).map(Cow::Borrowed).or_else(|| self.compact.get(id).map(Cow::Owned))
    }

    fn take(&mut self, id: ConnectionId) -> Option<ConnectionHistory> {
        self.busy.remove(&id).or_else(|| self.compact.take(id))
    }

    /// The account, and from now on a busy one.
    fn unpack(&mut self, id: ConnectionId) -> Option<&ConnectionHistory> {
        if let Some(history) = self.compact.take(id) {
            self.busy.insert(id, history);
        }
        self.busy.get(&id)
    }

    /// Puts away the half of the busy accounts to which nothing has happened for longest, if there are too many.
    fn compact_idle(&mut self) {
        if self.busy.len() <= self.most_busy {
            return;
        }
        let mut by_last: Vec<_> = self.busy.iter().map(|(id, history)| (history.last(), *id)).collect();
        let half = by_last.len() / 2;
        by_last.select_nth_unstable(half);
        for (_, id) in &by_last[..half] {
            let Some(history) = self.busy.remove(id) else { continue };
            if let Err(history) = self.compact.put(history) {
                self.busy.insert(*id, history);
            }
        }
        self.most_busy = BUSY.max(2 * self.busy.len());
    }
}

/// Whether the record is about a stand-in, which outlives the connection.
fn is_afterwards(record: &Record) -> bool {
    use TcpState::{FinWait2, TimeWait};
    matches!(record, Record::Transition(step) if matches!(step.from, FinWait2 | TimeWait))
}
