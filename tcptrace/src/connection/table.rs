//! The connections of a trace, kept as long as one of its observers needs them.

#[cfg(test)]
mod properties;

use std::{borrow::Cow, collections::VecDeque};

use foldhash::{HashMap, HashMapExt as _};

use super::{ConnectionHistory, compact::Compacted};
use crate::{
    record::{ConnectionId, Record, SocketId, Subject},
    tcp::TcpState,
};

/// Choice of the connections that are kept once they have closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Retain {
    /// None of them.
    #[default]
    None,
    /// The most recent ones.
    Latest(usize),
    /// All of them: memory grows with every connection.
    All,
}

/// Extent of what a connection table keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// Connections that are open.
    pub open: bool,
    /// Connections that have closed.
    pub closed: Retain,
    /// The latest single segments of each. They are counted in any case.
    pub segments: bool,
}

impl Keep {
    /// Everything: memory grows with every connection.
    pub const ALL: Self = Self { open: true, closed: Retain::All, segments: true };
}

/// The connections of a trace: those that are open, and the latest that have closed.
#[derive(Debug)]
pub struct ConnectionTable {
    keep: Keep,
    /// Connections to which something has happened lately.
    busy: HashMap<ConnectionId, ConnectionHistory>,
    /// Number of busy connections above which it is time to pack some.
    most_busy: usize,
    compact: Compacted,
    /// Histories of kept connections from the report of their closing on.
    reopened: HashMap<ConnectionId, ConnectionHistory>,
    /// The sockets of connections of which only one end is known.
    by_socket: HashMap<SocketId, ConnectionId>,
    /// Closed connections that are kept, the one that closed first at the front.
    closed: VecDeque<ConnectionId>,
    connections: u64,
    highest: ConnectionId,
}

/// Limit of histories that are not packed, but for those that cannot be. Few in tests, so that some are packed at all.
const BUSY: usize = if cfg!(test) { 2 } else { 1_024 };

impl ConnectionTable {
    /// An empty table.
    #[must_use]
    pub fn new(keep: Keep) -> Self {
        Self {
            keep,
            busy: HashMap::new(),
            most_busy: BUSY,
            compact: Compacted::default(),
            reopened: HashMap::new(),
            by_socket: HashMap::new(),
            closed: VecDeque::new(),
            connections: 0,
            highest: ConnectionId(0),
        }
    }

    /// Adds a record to the history of its connection; returns the history if this record closes the connection.
    pub fn add(&mut self, record: &Record) -> Option<Cow<'_, ConnectionHistory>> {
        if !self.keep.open || matches!(record, Record::Stuck(_)) {
            return None;
        }
        let (subject, id) = record.subject().and_then(|subject| Some((subject, subject.connection?)))?;
        self.compact_idle();
        let known = self.unpack(id);
        let is_paired = known.is_some_and(|history| history.is_paired() && history.has(subject.socket));
        let (is_known, was_reported) = (known.is_some(), known.is_some_and(|history| history.is_reported));
        let merged = if is_paired { None } else { self.take_misnumbered(subject.socket, id) };
        // What comes after the end of a connection that is not kept: one that is met only now has a new number.
        if id <= self.highest && !is_known && merged.is_none() && outlives_connection(record) {
            return None;
        }
        self.highest = self.highest.max(id);
        self.connections += u64::from(!is_known);
        let keeps_segments = self.keep.segments;
        let history = self.busy.entry(id).or_insert_with(|| ConnectionHistory::new(id));
        if let Some(other) = merged {
            if was_reported {
                let reopened = self.reopened.entry(id).or_insert_with(|| ConnectionHistory::new(id));
                reopened.absorb(other.clone());
            }
            history.absorb(other);
        }
        history.add(subject, record);
        if !keeps_segments {
            history.forget_segments();
        }
        index(&mut self.by_socket, history, subject.socket, is_paired);
        let is_over = history.is_over();
        if was_reported {
            self.continue_closed(id, subject, record)
        } else if is_over {
            self.close(id)
        } else {
            None
        }
    }

    /// The latest connections to which anything happened, closed or not, in the order of their numbers.
    pub fn latest(&self, retain: Retain) -> impl ExactSizeIterator<Item = Cow<'_, ConnectionHistory>> {
        let changed = self.all().filter(|history| history.has_changed());
        let mut latest: Vec<_> = changed.map(|history| (history.last(), history.id)).collect();
        let most = match retain {
            Retain::None => 0,
            Retain::Latest(most) => most,
            Retain::All => usize::MAX,
        };
        // Of two at the same moment the one with the higher number: the same connections each time.
        latest.sort_unstable_by_key(|(last, id)| std::cmp::Reverse((*last, *id)));
        latest.truncate(most);
        self.in_order(latest.into_iter().map(|(_, id)| id).collect())
    }

    /// The connections that are open, in the order of their numbers: those to which anything happened.
    pub fn open(&self) -> impl Iterator<Item = Cow<'_, ConnectionHistory>> {
        let is_open = |history: &Cow<'_, ConnectionHistory>| !history.is_reported && history.has_changed();
        let open = self.in_order(self.all().filter(is_open).map(|history| history.id).collect());
        let mut reopened: Vec<_> = self.reopened.values().filter(|history| history.has_changed()).collect();
        reopened.sort_by_key(|history| history.id);
        open.chain(reopened.into_iter().map(Cow::Borrowed))
    }

    /// Connections that were there before, and to which nothing has happened since.
    #[must_use]
    pub fn unchanged(&self) -> u64 {
        self.all().filter(|history| !history.has_changed()).count() as u64
    }

    /// Connections that were seen, kept or not.
    #[must_use]
    pub const fn connections(&self) -> u64 {
        self.connections
    }

    /// Takes out the history in which a socket was until now, if it turns out to belong to connection `id` after all.
    fn take_misnumbered(&mut self, socket: SocketId, id: ConnectionId) -> Option<ConnectionHistory> {
        let before = self.by_socket.get(&socket).copied().filter(|before| *before != id)?;
        let history = self.take(before)?;
        // It was counted as a connection of its own.
        self.connections -= 1;
        Some(history)
    }

    /// Takes note that a connection is over; returns its history.
    fn close(&mut self, id: ConnectionId) -> Option<Cow<'_, ConnectionHistory>> {
        if matches!(self.keep.closed, Retain::None | Retain::Latest(0)) {
            return self.take(id).map(Cow::Owned);
        }
        self.busy.get_mut(&id)?.is_reported = true;
        self.retain(id);
        self.busy.get(&id).map(Cow::Borrowed)
    }

    /// Adds a record to what has happened to a connection since its closing was reported. What a minisocket does is no new
    /// life; anything else is, and may close in its turn.
    fn continue_closed(
        &mut self,
        id: ConnectionId,
        subject: &Subject,
        record: &Record,
    ) -> Option<Cow<'_, ConnectionHistory>> {
        self.retain(id);
        if outlives_connection(record) && !self.reopened.contains_key(&id) {
            return None;
        }
        let history = self.reopened.entry(id).or_insert_with(|| ConnectionHistory::new(id));
        history.add(subject, record);
        if !history.is_over() {
            return None;
        }
        self.reopened.remove(&id).map(Cow::Owned)
    }

    /// Keeps a closed connection, and drops the oldest ones that are too many.
    fn retain(&mut self, id: ConnectionId) {
        let Retain::Latest(most) = self.keep.closed else { return };
        if self.closed.back() != Some(&id) {
            self.closed.push_back(id);
        }
        while self.closed.len() > most {
            let Some(oldest) = self.closed.pop_front() else { return };
            // It may have gone on: the other end of a connection can come late.
            if oldest != id
                && self.get(oldest).is_some_and(|history| history.is_over())
                && !self.closed.contains(&oldest)
            {
                self.take(oldest);
            }
        }
    }

    fn all(&self) -> impl Iterator<Item = Cow<'_, ConnectionHistory>> {
        let compact = self.compact.ids().filter_map(|id| self.compact.get(id));
        self.busy.values().map(Cow::Borrowed).chain(compact.map(Cow::Owned))
    }

    /// Histories one by one: unpacked together they may take many times their memory.
    fn in_order(
        &self,
        mut ids: Vec<ConnectionId>,
    ) -> impl ExactSizeIterator<Item = Cow<'_, ConnectionHistory>> {
        ids.sort_unstable();
        ids.into_iter().map(|id| self.get(id).unwrap_or_else(|| Cow::Owned(ConnectionHistory::new(id))))
    }

    fn get(&self, id: ConnectionId) -> Option<Cow<'_, ConnectionHistory>> {
        self.busy.get(&id).map(Cow::Borrowed).or_else(|| self.compact.get(id).map(Cow::Owned))
    }

    fn take(&mut self, id: ConnectionId) -> Option<ConnectionHistory> {
        self.busy.remove(&id).or_else(|| self.compact.take(id))
    }

    /// The history, and from now on a busy one.
    fn unpack(&mut self, id: ConnectionId) -> Option<&ConnectionHistory> {
        if let Some(history) = self.compact.take(id) {
            self.busy.insert(id, history);
        }
        self.busy.get(&id)
    }

    /// Packs the half of the busy histories to which nothing has happened for longest, if there are too many.
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

/// Keeps a socket findable for as long as its connection's number may turn out to be another one.
fn index(
    by_socket: &mut HashMap<SocketId, ConnectionId>,
    history: &ConnectionHistory,
    socket: SocketId,
    was_paired: bool,
) {
    if history.is_paired() {
        if !was_paired {
            for side in &history.sides {
                by_socket.remove(&side.socket);
            }
        }
    } else if history.has_ended(socket) {
        // The same socket may open another connection.
        by_socket.remove(&socket);
    } else {
        by_socket.insert(socket, history.id);
    }
}

/// Whether the record is about a minisocket, which outlives its connection.
fn outlives_connection(record: &Record) -> bool {
    use TcpState::{FinWait2, TimeWait};
    matches!(record, Record::Transition(step) if matches!(step.from, FinWait2 | TimeWait))
}
