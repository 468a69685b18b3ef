//! The timer events of one batch that belong together, found in one pass from its end.

use foldhash::{HashMap, HashMapExt as _};

use super::{
    RawEvent, SocketEvent, SocketEventKind, TimerStep,
    rules::{AT_LAST, comes_within, may_be_followed, step_of},
    socket_event,
};
use crate::{
    address::{Netns, Tuple},
    tcp::TcpState,
};

/// Reading of an event, given those that come later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// The step that it says.
    Plain,
    /// The first event of a pair: a later event, at this index, is this step.
    Pair { second: usize, step: TimerStep },
    /// The stop of a minisocket whose addresses another socket takes over.
    Reused,
    /// The stop of a request whose child takes over: the child's own events say so.
    Completed,
}

/// A reading for each event of a batch.
pub(super) struct Pairs(Vec<Reading>);

impl Pairs {
    pub(super) fn of(batch: &[RawEvent]) -> Self {
        let mut next = Next::new();
        let mut readings = vec![Reading::Plain; batch.len()];
        for (index, event) in batch.iter().enumerate().rev() {
            match event {
                RawEvent::StateChange(change) if change.from == TcpState::SynSent => {
                    next.takes_tuple.insert(change.tuple, index);
                }
                // Established after its request was stopped (`inet_csk_complete_hashdance`, then `tcp_child_process`).
                RawEvent::StateChange(change) if change.from == TcpState::SynRecv => {
                    next.children.insert((change.netns, change.tuple), index);
                }
                RawEvent::SocketEvent(event) => readings[index] = next.read(batch, index, event),
                _ => {}
            }
        }
        Self(readings)
    }

    /// Index of the first event that a later batch may make something else.
    pub(super) fn first_open(&self, batch: &[RawEvent], settled: u64) -> Option<usize> {
        (0..batch.len()).filter(|index| self.0[*index] == Reading::Plain).find(|index| {
            socket_event(&batch[*index])
                .is_some_and(|event| event.mono_ns > settled && may_be_followed(event))
        })
    }

    /// Index of the first event that is one step with the one that is open, or with one that came after it: they wait
    /// together.
    pub(super) fn beginning_of(&self, open: usize) -> usize {
        (0..open).rev().fold(open, |beginning, index| match self.0[index] {
            Reading::Pair { second, .. } if second >= beginning => index,
            _ => beginning,
        })
    }

    /// Folds the events of the batch, which may have lost its end.
    pub(super) fn fold(&self, batch: &mut Vec<RawEvent>) {
        for (index, reading) in self.0[..batch.len()].iter().enumerate() {
            match *reading {
                Reading::Plain | Reading::Completed => {}
                // Into the second one, which may be the first one of another pair.
                Reading::Pair { second, step } => set_step(&mut batch[second], step),
                Reading::Reused => set_step(&mut batch[index], TimerStep::Reused),
            }
        }
        let mut readings = self.0.iter();
        batch.retain(|_| !matches!(readings.next(), Some(Reading::Pair { .. } | Reading::Completed)));
    }
}

/// Indexes of what comes next in a batch that is read from its end.
struct Next {
    /// Next event of each timer: in the same place, and of the same connection, because the place is used again within
    /// microseconds.
    of_timer: HashMap<(u64, Tuple, Option<u64>), usize>,
    /// Next socket that takes these ends: a request, or a client that calls from the same port. By ends, because tens
    /// of thousands of minisockets stop when their namespace goes.
    takes_tuple: HashMap<Tuple, usize>,
    /// Next child of a request with these ends.
    children: HashMap<(Option<Netns>, Tuple), usize>,
}

impl Next {
    fn new() -> Self {
        Self { of_timer: HashMap::new(), takes_tuple: HashMap::new(), children: HashMap::new() }
    }

    fn read(&mut self, batch: &[RawEvent], index: usize, event: &SocketEvent) -> Reading {
        let is_minisocket = match event.kind {
            SocketEventKind::Timewait(_) => true,
            SocketEventKind::Request(_) => false,
            _ => return Reading::Plain,
        };
        // A minisocket has a cookie to tell it by. A request that is completed may have got its child's.
        let cookie = event.cookie.filter(|_| is_minisocket);
        let second = self.of_timer.insert((event.pointer, event.tuple, cookie), index);
        let pair = second.and_then(|second| {
            let step = step_of(event, socket_event(&batch[second])?)?;
            Some((second, step))
        });
        match (event.kind, pair) {
            (SocketEventKind::Request(TimerStep::Started), _) => {
                self.takes_tuple.insert(event.tuple, index);
                self.children.remove(&(event.netns, event.tuple));
            }
            (SocketEventKind::Request(TimerStep::Stopped), None) => {
                let child = self.children.get(&(event.netns, event.tuple));
                if child.is_some_and(|child| comes_within(event.mono_ns, batch[*child].mono_ns(), AT_LAST)) {
                    return Reading::Completed;
                }
            }
            (SocketEventKind::Timewait(TimerStep::Stopped), _) => {
                let at_once = |taker: &usize| {
                    comes_within(event.mono_ns, batch[*taker].mono_ns(), AT_LAST)
                        && pair.is_none_or(|(second, _)| *taker < second)
                };
                if self.takes_tuple.get(&event.tuple).is_some_and(at_once) {
                    return Reading::Reused;
                }
            }
            _ => {}
        }
        pair.map_or(Reading::Plain, |(second, step)| Reading::Pair { second, step })
    }
}

/// Gives a request socket, which has no cookie yet, that of its child, by which it is known later.
pub(super) fn name_requests(batch: &mut [RawEvent]) {
    let mut children = HashMap::new();
    for event in batch.iter_mut().rev() {
        match event {
            // With the addresses that a child before Linux 6.15 gets only after its first event.
            RawEvent::StateChange(change)
                if change.from == TcpState::SynRecv || change.to == TcpState::SynRecv =>
            {
                children.extend(change.cookie.map(|cookie| ((change.netns, change.tuple), cookie)));
            }
            RawEvent::SocketEvent(event) if event.kind == SocketEventKind::Request(TimerStep::Started) => {
                let child = children.remove(&(event.netns, event.tuple));
                event.cookie = event.cookie.or(child);
            }
            _ => {}
        }
    }
}

fn set_step(event: &mut RawEvent, to: TimerStep) {
    if let RawEvent::SocketEvent(event) = event
        && let SocketEventKind::Timewait(step) | SocketEventKind::Request(step) = &mut event.kind
    {
        *step = to;
    }
}
