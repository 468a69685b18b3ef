//! Records that are held back until it is known which socket they are about.

use super::Sockets;
use crate::{
    record::{Record, Subject},
    tracker::socket::Key,
};

impl Sockets {
    /// Emits a record, or holds it back until the socket's name and addresses are known.
    pub(in crate::tracker) fn emit(&mut self, key: Key, record: Record, out: &mut Vec<Record>) {
        match self.table.get_mut(key) {
            Some(socket) if socket.is_unfinished => {
                socket.update_transient(|transient| transient.held.push(record))
            }
            _ => out.push(record),
        }
    }

    /// Emits what is held back of a socket, as it is known now.
    pub(in crate::tracker) fn release(&mut self, key: Key, out: &mut Vec<Record>) {
        let Some(socket) = self.table.get_mut(key).filter(|socket| socket.is_unfinished) else { return };
        socket.is_unfinished = false;
        self.unfinished.remove(&key);
        let (subject, held) = (socket.subject(), socket.take_held());
        for record in held {
            out.push(self.with_subject(record, subject.clone()));
        }
    }

    /// Emits everything that is still held back.
    pub(in crate::tracker) fn release_all(&mut self, out: &mut Vec<Record>) {
        let mut keys: Vec<_> =
            self.table.iter().filter(|(_, socket)| socket.is_unfinished).map(|(key, _)| key).collect();
        keys.sort_unstable();
        for key in keys {
            self.release(key, out);
        }
    }

    /// A record that was held back, about the socket as it is known now.
    pub(in crate::tracker) fn with_subject(&mut self, mut record: Record, subject: Subject) -> Record {
        if let Record::Transition(transition) = &mut record {
            transition.since_first_ns = subject.connection.map(|id| self.since_first(id, transition.at));
            transition.subject = subject;
        }
        record
    }
}
