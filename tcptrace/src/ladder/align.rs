//! Puts the deeds of both ends together into rungs: what one end sent is what the other one received.

use std::{cmp::Reverse, collections::VecDeque};

use super::{
    Arrow, Row, Segment, StateMark,
    segments::{Act, SegmentEvent},
};

/// The rungs from top to bottom: each end's deeds in their order, and between the ends in the order of time.
pub(super) fn rows(segment_events: [VecDeque<SegmentEvent>; 2]) -> Vec<Row> {
    let mut alignment = Alignment { left: segment_events, in_flight: Vec::new(), rows: Vec::new() };
    while let Some(place) = alignment.next() {
        alignment.take(place);
    }
    alignment.rows
}

struct Alignment {
    /// What is left of the deeds.
    left: [VecDeque<SegmentEvent>; 2],
    /// What was sent, by whom, and has yet to arrive.
    in_flight: Vec<(usize, Segment)>,
    rows: Vec<Row>,
}

impl Alignment {
    /// The end whose next deed comes next.
    fn next(&self) -> Option<usize> {
        let ready = (0..2).filter(|place| self.is_ready(*place)).min_by_key(|place| self.time(*place));
        // Each waits for the other: one goes ahead, preferably with what it sends, and of two that send the one whose
        // segment takes longer.
        ready.or_else(|| {
            (0..2)
                .filter_map(|place| Some((self.act(place)?, place)))
                .map(|(act, place)| (matches!(act, Act::Sent(_)), self.counterpart(place), Reverse(place)))
                .max()
                .map(|(_, _, Reverse(place))| place)
        })
    }

    fn act(&self, place: usize) -> Option<Act> {
        self.left[place].front().map(|event| event.what)
    }

    /// The earlier one of the two times that a deed and its counterpart have.
    fn time(&self, place: usize) -> Option<u64> {
        let other = self.counterpart(place).filter(|at| *at == 0).and_then(|_| self.left[1 - place].front());
        let own = self.left[place].front();
        own.into_iter().chain(other).filter_map(|event| event.at).min()
    }

    /// How far the other end is from the counterpart of the next deed; `None` if there is none.
    fn counterpart(&self, place: usize) -> Option<usize> {
        let wanted = match self.act(place)? {
            Act::Sent(segment) => Act::Received(segment),
            Act::Received(segment) => Act::Sent(segment),
            Act::Nothing | Act::GaveUp(_) => return None,
        };
        self.left[1 - place].iter().position(|event| event.what == wanted)
    }

    fn is_ready(&self, place: usize) -> bool {
        self.act(place).is_some() && self.counterpart(place).is_none_or(|distance| distance == 0)
    }

    /// Makes a rung of the next deed of an end.
    fn take(&mut self, place: usize) {
        let distance = self.counterpart(place);
        let Some(event) = self.left[place].pop_front() else { return };
        let other = 1 - place;
        match (event.what, distance) {
            (Act::Nothing, _) => self.still(place, event.mark),
            (Act::GaveUp(segment), _) => {
                self.give_up(place, segment);
                self.still(place, event.mark);
            }
            (Act::Sent(segment), None) => self.rows.push(Row::Arrow(sent(place, segment, event))),
            (Act::Sent(segment), Some(0)) => {
                let received = self.left[other].pop_front().and_then(|event| event.mark);
                self.rows.push(Row::Arrow(Arrow { received, ..sent(place, segment, event) }));
            }
            (Act::Sent(segment), Some(_)) => self.depart(place, segment, event),
            (Act::Received(segment), None) if self.lands(other, segment) => {
                self.rows.push(Row::Arrives(received(place, segment, event)));
            }
            (Act::Received(segment), None) => {
                self.rows.push(Row::Arrow(received(place, segment, event)));
            }
            (Act::Received(segment), Some(at)) => {
                let mut arrow = received(place, segment, event);
                if at == 0 {
                    let sender = self.left[other].pop_front();
                    (arrow.sent, arrow.words) =
                        sender.map_or_else(Default::default, |it| (it.mark, it.words));
                } else if let Some(late) = self.left[other].get_mut(at) {
                    // Told out of order: the arrow stands here, the sender's state where it belongs.
                    late.what = Act::Nothing;
                }
                self.rows.push(Row::Arrow(arrow));
            }
        }
    }

    /// A segment leaves while the other end is busy; if that sends one too, they cross.
    fn depart(&mut self, place: usize, segment: Segment, event: SegmentEvent) {
        let other = 1 - place;
        let arrow = sent(place, segment, event);
        if let Some(Act::Sent(theirs)) = self.act(other)
            && self.left[place].front().map(|event| event.what) == Some(Act::Received(theirs))
            && self.left[other].get(1).map(|event| event.what) == Some(Act::Received(segment))
            && let Some(event) = self.left[other].pop_front()
        {
            let mut ours = arrow;
            let mut theirs = sent(other, theirs, event);
            theirs.received = self.left[place].pop_front().and_then(|event| event.mark);
            ours.received = self.left[other].pop_front().and_then(|event| event.mark);
            let (from_left, from_right) = if place == 0 { (ours, theirs) } else { (theirs, ours) };
            self.rows.push(Row::Crossing(from_left, from_right));
        } else {
            self.in_flight.push((place, segment));
            self.rows.push(Row::Departs(arrow));
        }
    }

    fn lands(&mut self, sender: usize, segment: Segment) -> bool {
        let at = self.in_flight.iter().position(|flying| *flying == (sender, segment));
        at.map(|at| self.in_flight.swap_remove(at)).is_some()
    }

    fn give_up(&mut self, from: usize, segment: Segment) {
        for row in &mut self.rows {
            if let Row::Arrow(arrow) = row
                && (arrow.from, arrow.segment) == (from, segment)
                && arrow.received.is_none()
            {
                arrow.unanswered = true;
            }
        }
    }

    /// Both in one rung, if both ends stood there at the same moment.
    fn still(&mut self, place: usize, mark: Option<StateMark>) {
        let Some(mark) = mark else { return };
        if let Some(Row::Still(states)) = self.rows.last_mut()
            && states[place].is_none()
            && let Some(other) = &states[1 - place]
            && (other.since_ns, &other.words) == (mark.since_ns, &mark.words)
        {
            states[place] = Some(mark);
            return;
        }
        let mut states = [None, None];
        states[place] = Some(mark);
        self.rows.push(Row::Still(states));
    }
}

fn sent(from: usize, segment: Segment, event: SegmentEvent) -> Arrow {
    Arrow { segment, from, sent: event.mark, received: None, words: event.words, unanswered: false }
}

fn received(by: usize, segment: Segment, event: SegmentEvent) -> Arrow {
    Arrow { segment, from: 1 - by, sent: None, received: event.mark, words: event.words, unanswered: false }
}
