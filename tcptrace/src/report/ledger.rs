//! Keeps the connections that the report will tell of, and no more than that.

#[cfg(test)]
mod properties;

use std::collections::VecDeque;

use foldhash::{HashMap, HashMapExt as _};

use super::Account;
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
    /// Those that are open, for who [settles](Ledger::settle) at once what is over. Single segments are only counted.
    Open,
    /// All of them: memory grows with every connection.
    All,
}

/// The connections that were told, open ones and the latest that are over.
#[derive(Debug)]
pub struct Ledger {
    keep: Keep,
    accounts: HashMap<ConnectionId, Account>,
    by_socket: HashMap<SocketId, ConnectionId>,
    over: VecDeque<ConnectionId>,
    told: u64,
    highest: ConnectionId,
}

impl Ledger {
    /// An empty ledger.
    #[must_use]
    pub fn new(keep: Keep) -> Self {
        Self {
            keep,
            accounts: HashMap::new(),
            by_socket: HashMap::new(),
            over: VecDeque::new(),
            told: 0,
            highest: ConnectionId(0),
        }
    }

    /// Whether it hands out what is over, and keeps it no longer.
    #[must_use]
    pub fn settles(&self) -> bool {
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
        // What comes after the end of a connection that is not kept any more: one that is met only now has a new number.
        if id <= self.highest && !self.accounts.contains_key(&id) && is_afterwards(record) {
            return;
        }
        self.highest = self.highest.max(id);
        // A socket that was told under another number belongs to this connection after all.
        let before = self.by_socket.insert(subject.socket, id);
        let moved = before.filter(|before| *before != id).and_then(|before| self.accounts.remove(&before));
        self.told += u64::from(!self.accounts.contains_key(&id));
        let account = self.accounts.entry(id).or_insert_with(|| Account::new(id));
        if let Some(other) = moved {
            // It counted as one of its own.
            self.told -= 1;
            account.absorb(other);
        }
        account.add(subject, record);
        if self.keep == Keep::Open {
            account.forget_segments();
        }
        if account.has_ended(subject.socket) {
            // It may come to life again, in another connection.
            self.by_socket.remove(&subject.socket);
        }
        let over = match self.keep {
            Keep::Open => account.is_settled(),
            _ => account.is_over(),
        };
        if over {
            if self.over.back() != Some(&id) {
                self.over.push_back(id);
            }
            self.trim();
        }
    }

    /// The connections to tell of, in the order of their numbers: those to which anything happened.
    #[must_use]
    pub fn accounts(&self) -> Vec<&Account> {
        let mut accounts: Vec<_> = self.accounts.values().filter(|account| account.has_changed()).collect();
        if let Keep::Latest(most) = self.keep {
            accounts.sort_by_key(|account| std::cmp::Reverse(account.last()));
            accounts.truncate(most);
        }
        accounts.sort_by_key(|account| account.id);
        accounts
    }

    /// Takes out the connections that are over, for those who tell of them as they end. What comes later of one of them
    /// begins a new account.
    pub fn settle(&mut self) -> Vec<Account> {
        let Self { accounts, over, .. } = self;
        over.drain(..).filter_map(|id| accounts.remove(&id).filter(Account::has_changed)).collect()
    }

    /// How many connections were there before, and to which nothing happened since.
    #[must_use]
    pub fn unchanged(&self) -> u64 {
        self.accounts.values().filter(|account| !account.has_changed()).count() as u64
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
            if self.accounts.get(&id).is_some_and(Account::is_over) && !self.over.contains(&id) {
                self.accounts.remove(&id);
            }
        }
    }
}

/// Whether the record is about a stand-in, which outlives the connection.
fn is_afterwards(record: &Record) -> bool {
    use TcpState::{FinWait2, TimeWait};
    matches!(record, Record::Transition(step) if matches!(step.from, FinWait2 | TimeWait))
}
