//! What `--fail-on` looks for in what is told.

use crate::{
    cli::Condition,
    record::{Cause, Record},
    tcp::TcpState::{Close, SynSent},
};

/// How often each condition was met.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Met {
    stuck: u64,
    resets: u64,
    /// Impossible steps that were told.
    pub(super) illegal: u64,
    pub(super) lost: u64,
}

impl Met {
    /// Takes in a record that was told.
    pub(super) fn add(&mut self, record: &Record) {
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
                self.resets += u64::from(reset);
                self.illegal += u64::from(step.is_illegal());
            }
            _ => {}
        }
    }

    /// In words, those of the conditions that were met; nothing if none was.
    pub(super) fn words(&self, conditions: &[Condition]) -> Option<String> {
        let words: Vec<_> = [
            (Condition::Stuck, self.stuck, "sockets stuck"),
            (Condition::Reset, self.resets, "ends of connections reset"),
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
