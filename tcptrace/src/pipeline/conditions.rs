//! Conditions that make a command fail: what `--fail-on` looks for.

use std::collections::VecDeque;

use super::{Ending, Observer};
use crate::{
    connection::ConnectionTable,
    record::{Cause, ConnectionId, Record},
    tcp::TcpState::{Close, SynSent},
};

/// Something that can make a command fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// A socket stayed too long in a state.
    Stuck,
    /// A connection ended with a RST.
    Reset,
    /// An impossible step was emitted.
    Illegal,
    /// Events were lost.
    Lost,
}

/// Number of connections that were reset and are remembered until the record of their other end has come too.
const RESETS: usize = 1024;

/// How often each condition was met.
#[derive(Clone, Debug, Default)]
pub struct FailConditions {
    stuck: u64,
    /// Connections, not ends of them.
    resets: u64,
    reset: VecDeque<ConnectionId>,
    illegal: u64,
    lost: u64,
}

impl Observer for FailConditions {
    fn record(&mut self, record: &Record) {
        match record {
            Record::Stuck(stuck) => self.stuck += u64::from(stuck.count == 1),
            Record::Transition(step) => {
                let reset = match step.cause {
                    Some(Cause::ResetReceived) => true,
                    Some(cause) if cause.is_abort() => true,
                    // The process ended and took the connection along.
                    Some(Cause::Exit | Cause::Killed { .. }) => {
                        step.to == Close && step.from != SynSent && step.subject.connection.is_some()
                    }
                    _ => false,
                };
                if reset {
                    self.reset(step.subject.connection);
                }
                self.illegal += u64::from(step.is_illegal());
            }
            _ => {}
        }
    }

    fn finish(&mut self, ending: &Ending, _: &ConnectionTable) {
        self.lost = ending.end.totals.lost;
    }
}

impl FailConditions {
    fn reset(&mut self, connection: Option<ConnectionId>) {
        if let Some(id) = connection {
            if self.reset.contains(&id) {
                return;
            }
            self.reset.push_back(id);
            if self.reset.len() > RESETS {
                self.reset.pop_front();
            }
        }
        self.resets += 1;
    }

    /// Those of the conditions that were met, for people; nothing if none was.
    #[must_use]
    pub fn describe(&self, conditions: &[Condition]) -> Option<String> {
        let words: Vec<_> = [
            (Condition::Stuck, self.stuck, "sockets stuck"),
            (Condition::Reset, self.resets, "connections reset"),
            (Condition::Illegal, self.illegal, "impossible steps"),
            (Condition::Lost, self.lost, "events lost"),
        ]
        .into_iter()
        .filter(|(condition, count, _)| conditions.contains(condition) && *count > 0)
        .map(|(_, count, what)| format!("{what}: {count}"))
        .collect();
        (!words.is_empty()).then(|| words.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tracker::tests::notation::emitted;

    fn words(ladder: &str) -> Option<String> {
        let mut conditions = FailConditions::default();
        emitted(ladder).iter().for_each(|record| conditions.record(record));
        conditions.describe(&[Condition::Reset])
    }

    /// One end sends the RST, the other one gets it.
    #[test]
    fn a_connection_whose_ends_are_both_here_is_reset_once() {
        let both = "
            client = 127.0.0.1:4000 > 127.0.0.1:80
            server = 127.0.0.1:80 > 127.0.0.1:4000
            opened client server
            +1ms client ESTABLISHED → CLOSE pid=7/curl close
            +1ms server ESTABLISHED → CLOSE task=7/curl err=104";
        assert_eq!(words(both).as_deref(), Some("connections reset: 1"));
        let two = "
            one = 127.0.0.1:80 > 10.0.0.1:4000
            other = 127.0.0.1:80 > 10.0.0.2:4000
            +1ms one ESTABLISHED → CLOSE task=7/curl err=104
            +1ms other ESTABLISHED → CLOSE task=7/curl err=104";
        assert_eq!(words(two).as_deref(), Some("connections reset: 2"));
        let none = "
            client = 127.0.0.1:4000 > 127.0.0.1:80
            server = 127.0.0.1:80 > 127.0.0.1:4000
            opened client server
            +1ms client ESTABLISHED → FIN_WAIT1 pid=7/curl close";
        assert_eq!(words(none), None);
    }
}
