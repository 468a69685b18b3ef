//! The alignment of the segment events of both ends: what one end sent is what the other one received, in one row.
//!
//! Each end's events keep their order; between the ends the rows are in order of time. An event whose counterpart comes
//! later at the other end waits for it. Where both ends wait for each other, a segment leaves in one row and arrives in
//! another one, or two segments cross.

use std::{cmp::Reverse, collections::VecDeque};

use super::{
    Arrow, Pair, Row, Segment, Side, StateMark,
    segments::{Act, SegmentEvent},
};

/// Rows from top to bottom.
pub(super) fn rows(events: Pair<VecDeque<SegmentEvent>>) -> Vec<Row> {
    let mut alignment = Alignment { events, in_flight: Vec::new(), rows: Vec::new() };
    while let Some(side) = alignment.next_side() {
        alignment.take_event(side);
    }
    alignment.rows
}

struct Alignment {
    /// Events that have no row yet.
    events: Pair<VecDeque<SegmentEvent>>,
    /// Segments that have left and have yet to arrive, by who sent them.
    in_flight: Vec<(Side, Segment)>,
    rows: Vec<Row>,
}

/// Place of the counterpart of an end's next event among the other end's; the order is that of the distance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Counterpart {
    Nowhere,
    Next,
    /// Behind this number of others.
    After(usize),
}

impl Alignment {
    /// The side whose next event gets the next row.
    fn next_side(&self) -> Option<Side> {
        let sides = || Side::BOTH.into_iter().filter(|side| self.act(*side).is_some());
        let ready = sides().filter(|side| !matches!(self.counterpart(*side), Counterpart::After(_)));
        // Where each waits for the other, one goes ahead, preferably with what it sends, and of two that send the one
        // whose segment takes longer.
        ready.min_by_key(|side| self.time(*side)).or_else(|| {
            let sends = |side| matches!(self.act(side), Some(Act::Sent(_)));
            sides().max_by_key(|side| (sends(*side), self.counterpart(*side), Reverse(*side)))
        })
    }

    fn act(&self, side: Side) -> Option<Act> {
        self.events[side].front().map(|event| event.what)
    }

    /// The earlier one of the two times that an end's next event and its counterpart have.
    fn time(&self, side: Side) -> Option<u64> {
        let own = self.events[side].front();
        let has_next = self.counterpart(side) == Counterpart::Next;
        let others = self.events[side.other()].front().filter(|_| has_next);
        own.into_iter().chain(others).filter_map(|event| event.at).min()
    }

    fn counterpart(&self, side: Side) -> Counterpart {
        let wanted = match self.act(side) {
            Some(Act::Sent(segment)) => Act::Received(segment),
            Some(Act::Received(segment)) => Act::Sent(segment),
            Some(Act::Nothing | Act::GaveUp(_)) | None => return Counterpart::Nowhere,
        };
        match self.events[side.other()].iter().position(|event| event.what == wanted) {
            None => Counterpart::Nowhere,
            Some(0) => Counterpart::Next,
            Some(others) => Counterpart::After(others),
        }
    }

    /// Makes a row of an end's next event.
    fn take_event(&mut self, side: Side) {
        let counterpart = self.counterpart(side);
        let Some(event) = self.events[side].pop_front() else { return };
        match event.what {
            Act::Nothing => self.stand(side, event.mark),
            Act::GaveUp(segment) => {
                self.mark_unanswered(side, segment);
                self.stand(side, event.mark);
            }
            Act::Sent(segment) => self.send(side, segment, event, counterpart),
            Act::Received(segment) => self.receive(side, segment, event, counterpart),
        }
    }

    fn send(&mut self, side: Side, segment: Segment, event: SegmentEvent, counterpart: Counterpart) {
        let mut arrow = sent(side, segment, event);
        match counterpart {
            Counterpart::Nowhere => self.rows.push(Row::Arrow(arrow)),
            Counterpart::Next => {
                arrow.received = self.take_mark(side.other());
                self.rows.push(Row::Arrow(arrow));
            }
            Counterpart::After(_) => self.depart(arrow),
        }
    }

    fn receive(&mut self, side: Side, segment: Segment, event: SegmentEvent, counterpart: Counterpart) {
        let sender = side.other();
        let mut arrow = received(side, segment, event);
        match counterpart {
            Counterpart::Nowhere if self.lands(sender, segment) => {
                self.rows.push(Row::Arrives(arrow));
                return;
            }
            Counterpart::Nowhere => {}
            Counterpart::Next => {
                if let Some(event) = self.events[sender].pop_front() {
                    (arrow.sent, arrow.words) = (event.mark, event.words);
                }
            }
            // Recorded out of order: the arrow stands here, the sender's state where it belongs.
            Counterpart::After(others) => {
                if let Some(late) = self.events[sender].get_mut(others) {
                    late.what = Act::Nothing;
                }
            }
        }
        self.rows.push(Row::Arrow(arrow));
    }

    /// Lets a segment leave while the other end is busy; if that sends one too, they cross.
    fn depart(&mut self, mut ours: Arrow) {
        let (side, other) = (ours.from, ours.from.other());
        if let Some(theirs) = self.crossed_by(&ours)
            && let Some(event) = self.events[other].pop_front()
        {
            let mut theirs = sent(other, theirs, event);
            theirs.received = self.take_mark(side);
            ours.received = self.take_mark(other);
            self.rows.push(Row::Crossing(Pair::with(side, ours, theirs)));
        } else {
            self.in_flight.push((side, ours.segment));
            self.rows.push(Row::Departs(ours));
        }
    }

    /// The segment that crosses this one: each end sends its own and receives the other's right after.
    fn crossed_by(&self, ours: &Arrow) -> Option<Segment> {
        let (side, other) = (ours.from, ours.from.other());
        let Some(Act::Sent(theirs)) = self.act(other) else { return None };
        let next_but_one = self.events[other].get(1).map(|event| event.what);
        let both_arrive = self.act(side) == Some(Act::Received(theirs))
            && next_but_one == Some(Act::Received(ours.segment));
        both_arrive.then_some(theirs)
    }

    /// Takes an end's next event into the row that is being made.
    fn take_mark(&mut self, side: Side) -> Option<StateMark> {
        self.events[side].pop_front().and_then(|event| event.mark)
    }

    /// Whether a segment that left before arrives now.
    fn lands(&mut self, sender: Side, segment: Segment) -> bool {
        let at = self.in_flight.iter().position(|flying| *flying == (sender, segment));
        at.map(|at| self.in_flight.swap_remove(at)).is_some()
    }

    fn mark_unanswered(&mut self, from: Side, segment: Segment) {
        for row in &mut self.rows {
            if let Row::Arrow(arrow) = row
                && (arrow.from, arrow.segment) == (from, segment)
                && arrow.received.is_none()
            {
                arrow.unanswered = true;
            }
        }
    }

    /// Shows a state without an arrow; both ends in one row, if they stood there at the same moment.
    fn stand(&mut self, side: Side, mark: Option<StateMark>) {
        let Some(mark) = mark else { return };
        if let Some(Row::Still(marks)) = self.rows.last_mut()
            && marks[side].is_none()
            && let Some(other) = &marks[side.other()]
            && (other.since_ns, &other.words) == (mark.since_ns, &mark.words)
        {
            marks[side] = Some(mark);
            return;
        }
        self.rows.push(Row::Still(Pair::with(side, Some(mark), None)));
    }
}

fn sent(from: Side, segment: Segment, event: SegmentEvent) -> Arrow {
    Arrow { segment, from, sent: event.mark, received: None, words: event.words, unanswered: false }
}

fn received(by: Side, segment: Segment, event: SegmentEvent) -> Arrow {
    Arrow {
        segment,
        from: by.other(),
        sent: None,
        received: event.mark,
        words: event.words,
        unanswered: false,
    }
}
