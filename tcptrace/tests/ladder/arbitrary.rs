//! Records of any kind in any order: every state stands in the ladder once, and in the order of its end.

use proptest::{prelude::*, sample::select};
use tcptrace::{
    connection::{ConnectionHistory, ConnectionTable, Keep, Retain, What},
    ladder::{Ladder, Notation, Pair, Row, Side, StateMark},
    record::{Cause, Context, Inference, Record},
    tcp::TcpState,
};
use unicode_width::UnicodeWidthStr as _;

use crate::{drawn, lives};

fn record() -> impl Strategy<Value = Record> {
    let contexts = [Context::Process, Context::Softirq]
        .into_iter()
        .chain([Inference::FinReceived, Inference::Continuity].map(Context::Inferred))
        .collect::<Vec<_>>();
    let causes = vec![
        None,
        Some(Cause::Close),
        Some(Cause::Abort),
        Some(Cause::ResetReceived),
        Some(Cause::TimedOut),
        Some(Cause::Destroyed),
    ];
    // Few moments, so that many steps share one.
    let step = (any::<bool>(), 0..40_u64, select(TcpState::ALL.to_vec()), select(TcpState::ALL.to_vec()));
    (step, 0..12, select(contexts), select(causes)).prop_map(
        |((left, us, from, to), kind, context, cause)| {
            let (client, server) = lives::usual();
            let end = if left { client } else { server };
            match kind {
                0 => end.was_in(from),
                1 => end.stays(us),
                _ => end.step(us, from, to, context, cause),
            }
        },
    )
}

/// Steps that follow from each other, as a kernel would take them.
fn walk() -> impl Strategy<Value = Vec<Record>> {
    let step = (any::<bool>(), 1..5_u64, any::<proptest::sample::Index>());
    proptest::collection::vec(step, 1..30).prop_map(|steps| {
        let ends: [_; 2] = lives::usual().into();
        let mut states = [TcpState::Close, TcpState::Listen];
        let mut begun = [false; 2];
        let mut now = 0;
        let mut records = Vec::new();
        for (left, us, choice) in steps {
            let side = usize::from(!left);
            let next: Vec<_> = tcptrace::tcp::leaves(states[side]).map(|(to, _)| to).collect();
            if states[side] == TcpState::Close && begun[side] {
                continue;
            }
            now += us;
            let to = *choice.get(&next);
            records.push(ends[side].step(now, states[side], to, Context::Softirq, None));
            (states[side], begun[side]) = (to, true);
        }
        records
    })
}

fn marks(ladder: &Ladder) -> Pair<Vec<TcpState>> {
    let mut marks = Pair::<Vec<_>>::default();
    let mut add = |side: Side, mark: &Option<StateMark>| {
        marks[side].extend(mark.iter().filter(|mark| mark.since_ns.is_some()).map(|mark| mark.state));
    };
    for row in &ladder.rows {
        match row {
            Row::Still(both) => both.iter().for_each(|(side, mark)| add(side, mark)),
            Row::Crossing(Pair { left, right }) => {
                add(Side::Left, &left.sent);
                add(Side::Right, &right.sent);
                add(Side::Right, &left.received);
                add(Side::Left, &right.received);
            }
            Row::Arrow(arrow) | Row::Departs(arrow) | Row::Arrives(arrow) => {
                add(arrow.from, &arrow.sent);
                add(arrow.from.other(), &arrow.received);
            }
        }
    }
    marks
}

fn check(history: &ConnectionHistory) {
    let ladder = Ladder::of(history).unwrap();
    let marks = marks(&ladder);
    for (index, side) in history.sides.iter().enumerate() {
        let steps = history.steps.iter().filter(|step| step.side == index);
        let states: Vec<_> = steps
            .map(|step| match step.what {
                What::Existing(state)
                | What::Orphaned(state)
                | What::Changed(_, state, ..)
                | What::Retransmitted(state, _)
                | What::Reset(state, _) => state,
            })
            .collect();
        let (at, _) = ladder.ends.iter().find(|(_, end)| end.address == side.tuple.local).unwrap();
        assert_eq!(marks[at], states, "{ladder:#?}");
    }
}

proptest! {
    #[test]
    fn no_state_is_lost_or_shown_twice(records in proptest::collection::vec(record(), 1..20)) {
        let mut table = ConnectionTable::new(Keep::ALL);
        records.iter().for_each(|record| drop(table.add(record)));
        table.latest(Retain::All).for_each(|history| check(&history));
        for row in drawn(&records, Notation::Picture, Some(80), false).lines() {
            prop_assert!(row.width() <= 80, "{row:?}");
        }
        drawn(&records, Notation::Mermaid, None, false);
    }

    #[test]
    fn nor_where_each_step_follows_from_the_last(records in walk()) {
        let mut table = ConnectionTable::new(Keep::ALL);
        records.iter().for_each(|record| drop(table.add(record)));
        table.latest(Retain::All).for_each(|history| check(&history));
    }
}
