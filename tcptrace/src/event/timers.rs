//! Makes one step of the timer notes that belong together.
//!
//! A timer that runs out is first stopped (`expire_timers` in `kernel/time/timer.c` detaches it), and one that is started
//! again is stopped before. Only what follows within microseconds, on the same CPU, tells which it was; so the last note
//! of a timer in a batch waits for the next batch, if it is one that something may follow.

use std::collections::HashMap;

use super::{Note, Observation, Sign, TimerStep};
use crate::{address::Tuple, tcp::TcpState};

/// What follows a note that belongs to it comes within this time, in nanoseconds: the kernel does both in one go.
const TOGETHER: u64 = 2_000_000;

/// Folds batch after batch.
#[derive(Debug, Default)]
pub struct Timers {
    waiting: Vec<Note>,
}

impl Timers {
    /// Folds the timer notes of a batch that is in the order of time. With `last`, nothing waits any longer.
    pub fn fold(&mut self, batch: &mut Vec<Observation>, last: bool) {
        name_requests(batch);
        let carried = self.waiting.len();
        if carried == 0 && !batch.iter().any(|seen| timer(seen).is_some()) {
            return;
        }
        let mut all: Vec<_> = self.waiting.drain(..).map(Observation::Note).collect();
        all.append(batch);
        let followers = followers(&all);
        let mut gone = vec![false; all.len()];
        for i in 0..all.len() {
            let Some((step, note)) = timer(&all[i]).filter(|_| !gone[i]) else { continue };
            let follower = followers[i].filter(|j| all[*j].mono_ns() - note.mono_ns < TOGETHER);
            let follows = follower.and_then(|j| timer(&all[j])).map(|(step, _)| step);
            let folded = match (step, follows) {
                (TimerStep::Stopped | TimerStep::Expired, Some(TimerStep::Started)) => {
                    Some(TimerStep::Restarted)
                }
                (TimerStep::Stopped, Some(TimerStep::Expired)) => Some(TimerStep::Expired),
                _ => None,
            };
            if let (Some(folded), Some(j)) = (folded, follower) {
                // Into the later one, which may go on with the one after it.
                gone[i] = true;
                set(&mut all[j], folded);
                continue;
            }
            if follower.is_none() && i >= carried && !last && may_go_on(&all[i]) {
                gone[i] = true;
                self.waiting.extend(note_of(&all[i]).cloned());
            } else if step == TimerStep::Stopped && is_taken_over(&all[i + 1..], note_of(&all[i])) {
                set(&mut all[i], TimerStep::Reused);
            }
        }
        let mut gone = gone.into_iter();
        all.retain(|_| !gone.next().unwrap_or(false));
        *batch = all;
    }
}

/// A request socket has no cookie yet; its child does, and that is the one to know it by.
fn name_requests(batch: &mut [Observation]) {
    let mut children = HashMap::new();
    for seen in batch.iter_mut().rev() {
        match seen {
            // With the addresses that a child before Linux 6.15 gets only after its first event.
            Observation::Event(event) if event.from == TcpState::SynRecv || event.to == TcpState::SynRecv => {
                children.extend(event.cookie.map(|cookie| ((event.netns, event.tuple), cookie)));
            }
            Observation::Note(note) if note.sign == Sign::Request(TimerStep::Started) => {
                let child = children.remove(&(note.netns, note.tuple));
                note.cookie = note.cookie.or(child);
            }
            _ => {}
        }
    }
}

/// For each note of a timer, the next one of the same timer: in the same place, and of the same connection, because the
/// place is used again within microseconds.
fn followers(all: &[Observation]) -> Vec<Option<usize>> {
    let mut next = HashMap::new();
    let mut followers = vec![None; all.len()];
    for (i, seen) in all.iter().enumerate().rev() {
        if let Some((_, note)) = timer(seen) {
            followers[i] = next.insert((note.pointer, note.tuple), i);
        }
    }
    followers
}

/// Whether the next batch may bring what makes this something else. A minisocket that ran out is gone; a request
/// whose timer runs out may get another one.
fn may_go_on(seen: &Observation) -> bool {
    match note_of(seen).map(|note| note.sign) {
        Some(Sign::Timewait(step)) => step == TimerStep::Stopped,
        Some(Sign::Request(step)) => matches!(step, TimerStep::Stopped | TimerStep::Expired),
        _ => false,
    }
}

/// Whether another socket has the same ends at once.
fn is_taken_over(later: &[Observation], stopped: Option<&Note>) -> bool {
    let Some(stopped) = stopped.filter(|note| matches!(note.sign, Sign::Timewait(_))) else { return false };
    later.iter().take_while(|seen| seen.mono_ns() - stopped.mono_ns < TOGETHER).any(|seen| {
        let (pointer, tuple): (u64, &Tuple) = match seen {
            Observation::Event(event) => (event.pointer, &event.tuple),
            Observation::Note(note) => (note.pointer, &note.tuple),
        };
        pointer != stopped.pointer && *tuple == stopped.tuple
    })
}

fn note_of(seen: &Observation) -> Option<&Note> {
    match seen {
        Observation::Note(note) => Some(note),
        Observation::Event(_) => None,
    }
}

fn timer(seen: &Observation) -> Option<(TimerStep, &Note)> {
    let note = note_of(seen)?;
    match note.sign {
        Sign::Timewait(step) | Sign::Request(step) => Some((step, note)),
        _ => None,
    }
}

fn set(seen: &mut Observation, to: TimerStep) {
    if let Observation::Note(note) = seen
        && let Sign::Timewait(step) | Sign::Request(step) = &mut note.sign
    {
        *step = to;
    }
}

#[cfg(test)]
mod tests {
    use TimerStep::{Expired, Restarted, Reused, Started, Stopped};

    use super::*;
    use crate::address::Endpoint;

    fn note(us: u64, pointer: u64, sign: Sign) -> Observation {
        let end = |port| Endpoint { address: [127, 0, 0, 1].into(), port };
        Observation::Note(Note {
            mono_ns: us * 1_000,
            pointer,
            cookie: None,
            netns: None,
            tuple: Tuple { local: end(80), remote: end(1000) },
            state: TcpState::TimeWait,
            tid: 0,
            sign,
        })
    }

    fn timewait(us: u64, step: TimerStep) -> Observation {
        note(us, 1, Sign::Timewait(step))
    }

    fn steps(batch: &[Observation]) -> Vec<TimerStep> {
        batch.iter().filter_map(timer).map(|(step, _)| step).collect()
    }

    #[test]
    fn what_follows_at_once_tells_what_a_stop_was() {
        for (batch, told) in [
            (vec![(0, Stopped), (3, Expired)], vec![Expired]),
            (vec![(0, Stopped), (3, Started)], vec![Restarted]),
            (vec![(0, Stopped), (3, Expired), (9, Started)], vec![Restarted]),
            (vec![(0, Started), (9_000, Stopped), (9_001, Expired)], vec![Started, Expired]),
            // Another minisocket in the same place.
            (vec![(0, Stopped), (9_000, Started)], vec![Stopped, Started]),
        ] {
            let mut batch: Vec<_> = batch.into_iter().map(|(us, step)| timewait(us, step)).collect();
            Timers::default().fold(&mut batch, true);
            assert_eq!(steps(&batch), told);
        }
    }

    #[test]
    fn the_next_one_in_the_same_place_is_another() {
        let mut batch = vec![note(0, 1, Sign::Request(Stopped)), note(3, 1, Sign::Request(Started))];
        if let Observation::Note(note) = &mut batch[1] {
            note.tuple.remote.port += 1;
        }
        Timers::default().fold(&mut batch, true);
        assert_eq!(steps(&batch), [Stopped, Started]);
    }

    #[test]
    fn a_stop_at_the_end_of_a_batch_waits_for_the_next_one() {
        let mut timers = Timers::default();
        let mut batch = vec![timewait(0, Stopped)];
        timers.fold(&mut batch, false);
        assert!(batch.is_empty());
        batch.push(timewait(4, Expired));
        timers.fold(&mut batch, false);
        assert_eq!(steps(&batch), [Expired]);
        batch = vec![timewait(9_000, Stopped)];
        timers.fold(&mut batch, false);
        assert!(batch.is_empty());
        timers.fold(&mut batch, false);
        assert_eq!(steps(&batch), [Stopped]);
    }

    #[test]
    fn another_socket_with_the_same_ends_is_the_reason() {
        let mut batch = vec![timewait(0, Stopped), note(5, 2, Sign::Request(Started))];
        Timers::default().fold(&mut batch, true);
        assert_eq!(steps(&batch), [Reused, Started]);
    }
}
