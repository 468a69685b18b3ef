//! Makes one step of the timer notes that belong together.
//!
//! A timer that runs out is first stopped (`expire_timers` in `kernel/time/timer.c` detaches it), and one that is started
//! again is stopped before. Only what follows within microseconds, on the same CPU, tells which it was; so the end of a
//! batch waits for the next batch, if a note is in it that something may follow.

use foldhash::{HashMap, HashMapExt as _};

use super::{RawEvent, SocketEvent, SocketEventKind, TimerStep};
use crate::{address::Tuple, tcp::TcpState};

/// What follows a note that belongs to it comes within this time, in nanoseconds: the kernel does both in one go.
const TOGETHER: u64 = 1_000_000;

/// The same where nothing else can look like it, and a virtual CPU may be taken away in between, or a SYN+ACK be sent: a
/// minisocket or a request runs out or makes room, a request whose timer ran out gets another one.
const AT_LAST: u64 = 20_000_000;

/// What waits is not settled before it was missing from so many drains. The clock alone does not tell: where the whole
/// machine stood still nothing had the time to follow.
const DRAINS: usize = 4;

/// Folds batch after batch.
#[derive(Debug, Default)]
pub struct Timers {
    waiting: Vec<RawEvent>,
    /// The note that they wait for: its time, and its ends.
    open: Option<(u64, Tuple)>,
    /// When the last ones were drained, the oldest first.
    drained: [u64; DRAINS],
}

impl Timers {
    /// What is not told yet.
    pub fn waiting(&self) -> &[RawEvent] {
        &self.waiting
    }

    /// Folds the timer notes of a batch that holds all there was at `now`, nanoseconds of `CLOCK_MONOTONIC`.
    pub fn fold(&mut self, batch: &mut Vec<RawEvent>, now: u64) {
        let seen_by = self.drained[0];
        self.drained.rotate_left(1);
        self.drained[DRAINS - 1] = now;
        self.fold_up_to(batch, seen_by.min(now.saturating_sub(AT_LAST)));
    }

    /// Folds the last batch: nothing more comes for what waits.
    pub fn finish(&mut self, batch: &mut Vec<RawEvent>) {
        self.fold_up_to(batch, u64::MAX);
    }

    /// Whether something waits for what may follow it: then the next drain is due, though no event may come.
    #[must_use]
    pub const fn wait(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// What happened up to `settled` will not be followed any more.
    fn fold_up_to(&mut self, batch: &mut Vec<RawEvent>, settled: u64) {
        let may_answer = |seen: &RawEvent, ends| match seen {
            RawEvent::StateChange(event) => event.tuple == ends,
            RawEvent::SocketEvent(note) => note.tuple == ends,
            RawEvent::Accept(_) | RawEvent::Fork(_) => false,
        };
        if let Some((at, ends)) = self.open
            && at > settled
            && batch.iter().all(|seen| seen.mono_ns() >= at && !may_answer(seen, ends))
        {
            // Looked at again and again, a flood would take more time than there is.
            self.waiting.append(batch);
            return;
        }
        self.open = None;
        if !self.waiting.is_empty() {
            self.waiting.append(batch);
            std::mem::swap(&mut self.waiting, batch);
            batch.sort_by_key(RawEvent::mono_ns);
        }
        if !batch.iter().any(|seen| timer(seen).is_some()) {
            return;
        }
        name_requests(batch);
        let mut followers = followers(batch);
        // What shows it may have to wait itself.
        let is_taken_over = taken_over(batch, &followers);
        for (_, follower) in is_taken_over.iter().zip(&mut followers).filter(|(taken_over, _)| **taken_over) {
            *follower = None;
        }
        let is_open =
            |i: usize| followers[i].is_none() && !is_taken_over[i] && may_go_on(&batch[i..], settled);
        let open = (0..batch.len()).find(|i| is_open(*i));
        self.open = open.and_then(|i| note_of(&batch[i])).map(|note| (note.mono_ns, note.tuple));
        self.waiting = batch.split_off(open.map_or(batch.len(), |open| with_its_beginning(open, &followers)));
        let mut gone = vec![false; batch.len()];
        for i in 0..batch.len() {
            let Some((step, note)) = timer(&batch[i]) else { continue };
            let is_request = matches!(note.kind, SocketEventKind::Request(_));
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

/// The first note that goes on in the one that is open, or in one that came after it: they wait together.
fn with_its_beginning(open: usize, followers: &[Option<usize>]) -> usize {
    let mut cut = open;
    for i in (0..cut).rev() {
        if followers[i].is_some_and(|j| j >= cut) {
            cut = i;
        }
    }
    cut
}

/// A request socket has no cookie yet; its child does, and that is the one to know it by.
fn name_requests(batch: &mut [RawEvent]) {
    let mut children = HashMap::new();
    for seen in batch.iter_mut().rev() {
        match seen {
            // With the addresses that a child before Linux 6.15 gets only after its first event.
            RawEvent::StateChange(event)
                if event.from == TcpState::SynRecv || event.to == TcpState::SynRecv =>
            {
                children.extend(event.cookie.map(|cookie| ((event.netns, event.tuple), cookie)));
            }
            RawEvent::SocketEvent(note) if note.kind == SocketEventKind::Request(TimerStep::Started) => {
                let child = children.remove(&(note.netns, note.tuple));
                note.cookie = note.cookie.or(child);
            }
            _ => {}
        }
    }
}

/// For each note of a timer, the one that follows at once: of the same timer, in the same place, and of the same
/// connection, because the place is used again within microseconds.
fn followers(batch: &[RawEvent]) -> Vec<Option<usize>> {
    let mut next = HashMap::new();
    let mut followers = vec![None; batch.len()];
    for (i, seen) in batch.iter().enumerate().rev() {
        if let Some((_, note)) = timer(seen) {
            // A minisocket has a cookie to tell it by. A request that is completed may have got its child's.
            let cookie = note.cookie.filter(|_| matches!(note.kind, SocketEventKind::Timewait(_)));
            followers[i] = next
                .insert((note.pointer, note.tuple, cookie), i)
                .filter(|j: &usize| batch[*j].mono_ns() - note.mono_ns < at_most(note, &batch[*j]));
        }
    }
    followers
}

/// How long a note may take that belongs to the one before it, and says what that one was.
fn at_most(before: &SocketEvent, seen: &RawEvent) -> u64 {
    use TimerStep::{Expired, Started, Stopped};
    match (before.kind, note_of(seen).map(|note| note.kind)) {
        (SocketEventKind::Timewait(Stopped), Some(SocketEventKind::Timewait(Expired)))
        | (SocketEventKind::Request(Stopped), Some(SocketEventKind::Request(Expired)))
        | (SocketEventKind::Request(Expired), Some(SocketEventKind::Request(Started))) => AT_LAST,
        // A minisocket's cookie is nobody else's.
        (SocketEventKind::Timewait(Stopped), Some(SocketEventKind::Timewait(Started)))
            if before.cookie.is_some() =>
        {
            AT_LAST
        }
        (SocketEventKind::Timewait(Stopped), Some(SocketEventKind::Timewait(Started)))
        | (SocketEventKind::Request(Stopped), Some(SocketEventKind::Request(Started))) => TOGETHER,
        _ => 0,
    }
}

/// Whether a later batch may bring what makes the first of these something else. A minisocket that ran out is gone; a
/// request whose timer runs out may get another one, and one that was stopped is completed if its child is there.
fn may_go_on(batch: &[RawEvent], settled: u64) -> bool {
    let Some((note, later)) = first_note(batch).filter(|(note, _)| note.mono_ns > settled) else {
        return false;
    };
    match note.kind {
        SocketEventKind::Timewait(step) => step == TimerStep::Stopped,
        SocketEventKind::Request(TimerStep::Stopped) => !later.iter().any(|seen| is_child(seen, note)),
        SocketEventKind::Request(step) => step == TimerStep::Expired,
        _ => false,
    }
}

/// Whether a request has become this socket. It is established after the request's timer was stopped
/// (`inet_csk_complete_hashdance`, then `tcp_child_process`).
fn is_child(seen: &RawEvent, request: &SocketEvent) -> bool {
    seen.state_change().is_some_and(|event| {
        event.from == TcpState::SynRecv && (event.netns, event.tuple) == (request.netns, request.tuple)
    })
}

/// For each note of a minisocket that stops, whether another socket has its ends at once, and before what follows the
/// note: a request, or a client that calls from the same port. In one pass: with its namespace tens of thousands stop.
fn taken_over(batch: &[RawEvent], followers: &[Option<usize>]) -> Vec<bool> {
    let mut next = HashMap::new();
    let mut taken_over = vec![false; batch.len()];
    for (i, seen) in batch.iter().enumerate().rev() {
        match seen {
            RawEvent::StateChange(event) if event.from == TcpState::SynSent => {
                next.insert(event.tuple, i);
            }
            RawEvent::SocketEvent(note) if note.kind == SocketEventKind::Request(TimerStep::Started) => {
                next.insert(note.tuple, i);
            }
            RawEvent::SocketEvent(note) if note.kind == SocketEventKind::Timewait(TimerStep::Stopped) => {
                taken_over[i] = next.get(&note.tuple).is_some_and(|j| {
                    batch[*j].mono_ns() - note.mono_ns < AT_LAST
                        && followers[i].is_none_or(|follower| *j < follower)
                });
            }
            _ => {}
        }
    }
    taken_over
}

fn first_note(batch: &[RawEvent]) -> Option<(&SocketEvent, &[RawEvent])> {
    batch.split_first().and_then(|(first, later)| Some((note_of(first)?, later)))
}

fn note_of(seen: &RawEvent) -> Option<&SocketEvent> {
    match seen {
        RawEvent::SocketEvent(note) => Some(note),
        RawEvent::Accept(_) | RawEvent::StateChange(_) | RawEvent::Fork(_) => None,
    }
}

fn timer(seen: &RawEvent) -> Option<(TimerStep, &SocketEvent)> {
    let note = note_of(seen)?;
    match note.kind {
        SocketEventKind::Timewait(step) | SocketEventKind::Request(step) => Some((step, note)),
        _ => None,
    }
}

fn set(seen: &mut RawEvent, to: TimerStep) {
    if let RawEvent::SocketEvent(note) = seen
        && let SocketEventKind::Timewait(step) | SocketEventKind::Request(step) = &mut note.kind
    {
        *step = to;
    }
}

#[cfg(test)]
mod tests;
