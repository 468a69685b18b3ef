//! Makes one step of the timer notes that belong together.
//!
//! A timer that runs out is first stopped (`expire_timers` in `kernel/time/timer.c` detaches it), and one that is started
//! again is stopped before. Only what follows within microseconds, on the same CPU, tells which it was; so the end of a
//! batch waits for the next batch, if a note is in it that something may follow.

use foldhash::{HashMap, HashMapExt as _};

use super::{Note, Observation, Sign, TimerStep};
use crate::tcp::TcpState;

/// What follows a note that belongs to it comes within this time, in nanoseconds: the kernel does both in one go.
const TOGETHER: u64 = 1_000_000;

/// The same where nothing else can look like it, and a virtual CPU may be taken away in between, or a SYN+ACK be sent: a
/// minisocket runs out or makes room, a request whose timer ran out gets another one.
const AT_LAST: u64 = 20_000_000;

/// Folds batch after batch.
#[derive(Debug, Default)]
pub struct Timers {
    waiting: Vec<Observation>,
}

impl Timers {
    /// Folds the timer notes of a batch. An empty batch means that nothing more comes for what waits, and so does `last`.
    pub fn fold(&mut self, batch: &mut Vec<Observation>, last: bool) {
        let over = last || batch.is_empty();
        if !self.waiting.is_empty() {
            self.waiting.append(batch);
            std::mem::swap(&mut self.waiting, batch);
            batch.sort_by_key(Observation::mono_ns);
        }
        if !batch.iter().any(|seen| timer(seen).is_some()) {
            return;
        }
        name_requests(batch);
        let followers = followers(batch);
        // What shows it may have to wait itself.
        let is_taken_over: Vec<_> = (0..batch.len()).map(|i| is_taken_over(&batch[i..])).collect();
        if !over {
            self.waiting = batch.split_off(settled(batch, &followers));
        }
        let mut gone = vec![false; batch.len()];
        for i in 0..batch.len() {
            let Some((step, note)) = timer(&batch[i]) else { continue };
            let is_request = matches!(note.sign, Sign::Request(_));
            let follower = followers[i].and_then(|j| Some((j, timer(&batch[j])?.0)));
            let folded = match (step, follower) {
                (TimerStep::Stopped, Some((j, TimerStep::Started))) => Some((j, TimerStep::Restarted)),
                // A minisocket that ran out is gone.
                (TimerStep::Expired, Some((j, TimerStep::Started))) if is_request => {
                    Some((j, TimerStep::Restarted))
                }
                (TimerStep::Stopped, Some((j, TimerStep::Expired))) => Some((j, TimerStep::Expired)),
                _ => None,
            };
            if let Some((j, step)) = folded {
                // Into the later one, which may go on with the one after it.
                gone[i] = true;
                set(&mut batch[j], step);
            } else if step == TimerStep::Stopped && is_taken_over[i] {
                set(&mut batch[i], TimerStep::Reused);
            }
        }
        let mut gone = gone.into_iter();
        batch.retain(|_| !gone.next().unwrap_or(false));
    }
}

/// How much of a batch can be told: up to the first note that something may still follow. What comes after it waits
/// too, so that everything stays in order.
fn settled(batch: &[Observation], followers: &[Option<usize>]) -> usize {
    let end = batch.last().map_or(0, Observation::mono_ns);
    let fresh = |seen: &Observation| {
        let settles = match timer(seen) {
            Some((TimerStep::Stopped, Note { sign: Sign::Request(_), .. })) => TOGETHER,
            _ => AT_LAST,
        };
        end - seen.mono_ns() < settles
    };
    let open = |(i, seen): (usize, &Observation)| fresh(seen) && may_go_on(seen) && followers[i].is_none();
    let mut cut = batch.iter().enumerate().position(open).unwrap_or(batch.len());
    for i in (0..cut).rev() {
        if followers[i].is_some_and(|j| j >= cut) {
            cut = i;
        }
    }
    cut
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

/// For each note of a timer, the one that follows at once: of the same timer, in the same place, and of the same
/// connection, because the place is used again within microseconds.
fn followers(batch: &[Observation]) -> Vec<Option<usize>> {
    let mut next = HashMap::new();
    let mut followers = vec![None; batch.len()];
    for (i, seen) in batch.iter().enumerate().rev() {
        if let Some((_, note)) = timer(seen) {
            // A minisocket has a cookie to tell it by. A request that is completed may have got its child's.
            let cookie = note.cookie.filter(|_| matches!(note.sign, Sign::Timewait(_)));
            followers[i] = next
                .insert((note.pointer, note.tuple, cookie), i)
                .filter(|j: &usize| batch[*j].mono_ns() - note.mono_ns < at_most(note, &batch[*j]));
        }
    }
    followers
}

/// How long a note may take that belongs to the one before it, and says what that one was.
fn at_most(before: &Note, seen: &Observation) -> u64 {
    use TimerStep::{Expired, Started, Stopped};
    match (before.sign, note_of(seen).map(|note| note.sign)) {
        (Sign::Timewait(Stopped), Some(Sign::Timewait(Expired)))
        | (Sign::Request(Expired), Some(Sign::Request(Started))) => AT_LAST,
        (Sign::Timewait(Stopped), Some(Sign::Timewait(Started)))
        | (Sign::Request(Stopped), Some(Sign::Request(Started | Expired))) => TOGETHER,
        _ => 0,
    }
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

/// Whether another socket has the ends of the first at once: a request, or a client that calls from the same port.
fn is_taken_over(batch: &[Observation]) -> bool {
    let Some((stopped, later)) =
        batch.split_first().and_then(|(first, later)| Some((note_of(first)?, later)))
    else {
        return false;
    };
    if stopped.sign != Sign::Timewait(TimerStep::Stopped) {
        return false;
    }
    let at_once = later.iter().take_while(|seen| seen.mono_ns() - stopped.mono_ns < AT_LAST);
    at_once.into_iter().any(|seen| match seen {
        Observation::Event(event) => event.from == TcpState::SynSent && event.tuple == stopped.tuple,
        Observation::Note(note) => {
            note.sign == Sign::Request(TimerStep::Started) && note.tuple == stopped.tuple
        }
        Observation::Accept(_) | Observation::Fork(_) => false,
    })
}

fn note_of(seen: &Observation) -> Option<&Note> {
    match seen {
        Observation::Note(note) => Some(note),
        Observation::Accept(_) | Observation::Event(_) | Observation::Fork(_) => None,
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
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::address::{Endpoint, Tuple};

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
            (vec![(0, Stopped), (3, Expired), (9, Started)], vec![Expired, Started]),
            (vec![(0, Started), (9_000, Stopped), (9_001, Expired)], vec![Started, Expired]),
            // The virtual CPU was taken away in between.
            (vec![(0, Stopped), (9_000, Expired)], vec![Expired]),
            // Another minisocket in the same place.
            (vec![(0, Stopped), (9_000, Started)], vec![Stopped, Started]),
        ] {
            let mut batch: Vec<_> = batch.into_iter().map(|(us, step)| timewait(us, step)).collect();
            Timers::default().fold(&mut batch, true);
            assert_eq!(steps(&batch), told);
        }
    }

    #[test]
    fn a_request_that_ran_out_may_go_on() {
        // After the SYN+ACK, which may take its time.
        for us in [9, 15_000] {
            let steps_of = [(0, Stopped), (3, Expired), (us, Started)];
            let mut batch: Vec<_> =
                steps_of.into_iter().map(|(us, step)| note(us, 1, Sign::Request(step))).collect();
            Timers::default().fold(&mut batch, true);
            assert_eq!(steps(&batch), [Restarted]);
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
        let mut batch =
            vec![timewait(0, Started), timewait(9_000, Stopped), note(9_001, 2, Sign::Retransmit)];
        timers.fold(&mut batch, false);
        assert_eq!(steps(&batch), [Started]);
        batch = vec![timewait(9_004, Expired)];
        timers.fold(&mut batch, false);
        assert_eq!(batch.iter().map(Observation::mono_ns).collect::<Vec<_>>(), [9_001_000, 9_004_000]);
        assert_eq!(steps(&batch), [Expired]);
        // And no longer than it can take.
        batch = vec![timewait(20_000, Stopped), note(30_000, 2, Sign::Retransmit)];
        timers.fold(&mut batch, false);
        assert!(batch.is_empty());
        batch = vec![note(40_000, 2, Sign::Retransmit)];
        timers.fold(&mut batch, false);
        assert_eq!((batch.len(), steps(&batch)), (3, vec![Stopped]));
        batch = vec![timewait(99_000, Stopped)];
        timers.fold(&mut batch, false);
        assert!(batch.is_empty());
        timers.fold(&mut batch, false);
        assert_eq!(steps(&batch), [Stopped]);
    }

    proptest! {
        /// However a stream is cut into batches, the same is told, in the same order.
        #[test]
        fn batches_make_no_difference(
            seen in vec((prop_oneof![0..1_500_u64, 0..30_000_u64], 1..4_u64, 0..7_u8), 0..40),
            cuts in vec(any::<bool>(), 40),
        ) {
            let mut us = 0;
            let stream: Vec<_> = seen
                .iter()
                .map(|(later, pointer, what)| {
                    us += later;
                    let sign = match what {
                        0 => Sign::Timewait(Started),
                        1 => Sign::Timewait(Stopped),
                        2 => Sign::Timewait(Expired),
                        3 => Sign::Request(Stopped),
                        4 => Sign::Request(Expired),
                        5 => Sign::Request(Started),
                        _ => Sign::Retransmit,
                    };
                    // Requests and minisockets are never in the same place.
                    let pointer = pointer + if matches!(sign, Sign::Request(_)) { 10 } else { 0 };
                    note(us, pointer, sign)
                })
                .collect();
            let mut whole = stream.clone();
            Timers::default().fold(&mut whole, true);
            let (mut timers, mut parts, mut batch) = (Timers::default(), Vec::new(), Vec::new());
            for (i, seen) in stream.into_iter().enumerate() {
                batch.push(seen);
                if cuts[i] {
                    timers.fold(&mut batch, false);
                    parts.append(&mut batch);
                }
            }
            timers.fold(&mut batch, true);
            parts.append(&mut batch);
            prop_assert_eq!(parts, whole);
        }
    }

    #[test]
    fn another_socket_with_the_same_ends_is_the_reason() {
        for (us, told) in [(5, Reused), (9_000, Reused), (20_000, Stopped)] {
            let mut batch = vec![timewait(0, Stopped), note(us, 2, Sign::Request(Started))];
            Timers::default().fold(&mut batch, true);
            assert_eq!(steps(&batch), [told, Started]);
        }
    }
}
