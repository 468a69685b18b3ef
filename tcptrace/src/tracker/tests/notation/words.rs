//! The records that the tracker emits, in the words of a ladder.

use std::{fmt::Write as _, time::Duration};

use super::Ladder;
use crate::record::{Context, Record, SocketId, Subject};

impl Ladder {
    pub(super) fn words(&self, record: &Record) -> String {
        match record {
            Record::Existing(found) => {
                format!("{}  {}{}", self.who(&found.subject), found.state, whose(&found.subject))
            }
            Record::Transition(step) => {
                let mut words = format!("{}  {} → {}", self.who(&step.subject), step.from, step.to);
                words += &whose(&step.subject);
                match step.context {
                    Some(Context::Process) => words += "  call",
                    Some(Context::Softirq) | None => {}
                    Some(Context::Inferred(from)) => write!(words, "  inferred:{}", from.name()).unwrap(),
                }
                if step.is_illegal() {
                    words += "  illegal";
                }
                if let Some(cause) = step.cause {
                    write!(words, "  {cause:?}").unwrap();
                }
                if let Some(ns) = step.in_from_ns {
                    write!(words, "  after {:?}", Duration::from_nanos(ns)).unwrap();
                }
                words
            }
            Record::Orphan(orphan) => {
                let seen = if matches!(orphan.context, Some(Context::Inferred(_))) { "" } else { "  seen" };
                let (who, whose) = (self.who(&orphan.subject), whose(&orphan.subject));
                format!("{who}  {} orphaned{whose}{seen}", orphan.state)
            }
            Record::Retransmit(sent) => {
                format!("{}  again in {}, {}", self.who(&sent.subject), sent.state, sent.count)
            }
            Record::Reset(reset) => {
                format!("{}  RST {}", self.who(&reset.subject), reset.reason.as_deref().unwrap_or("-"))
            }
            record => panic!("not the tracker's: {record:?}"),
        }
    }

    /// Name of a socket and number of its connection; a socket without a cookie is `~1[END]`.
    fn who(&self, subject: &Subject) -> String {
        let name = match subject.socket {
            SocketId::Cookie(cookie) => {
                let mut names: Vec<_> =
                    self.sockets.iter().filter(|(_, named)| named.cookie == Some(cookie)).collect();
                // One socket may have several lives, to other ends.
                names.sort_by_key(|(name, named)| (named.tuple.remote != subject.tuple.remote, *name));
                names.first().map_or_else(|| format!("cookie {cookie}"), |(name, _)| (*name).clone())
            }
            serial @ SocketId::Serial(_) => format!("{serial}[{}]", subject.tuple.remote),
        };
        subject.connection.map_or_else(|| name.clone(), |id| format!("{name}#{}", id.0))
    }
}

fn whose(subject: &Subject) -> String {
    subject.owner.map_or_else(String::new, |owner| {
        let thread = owner.thread.filter(|thread| thread.tid != owner.pid);
        let thread = thread.map_or_else(String::new, |thread| format!("[{}:{}]", thread.comm, thread.tid));
        format!("  {}:{}{thread}({})", owner.comm, owner.pid, owner.evidence.name())
    })
}
