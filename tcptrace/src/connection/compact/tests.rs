//! What is taken out is what was put in, and is small while it is there.

use std::str::FromStr as _;

use proptest::{collection::vec, option, prelude::*, sample::select};

use super::{Compacted, ConnectionHistory, Counted, Side, Step, What};
use crate::{
    address::{Endpoint, Netns, Tuple},
    process::{Comm, Evidence, Owner, Thread},
    record::{Cause, ConnectionId, Context, Inference, Numbers, SocketId},
    tcp::TcpState,
    time::Moment,
};

fn state() -> impl Strategy<Value = TcpState> {
    select(TcpState::ALL.to_vec())
}

fn end() -> impl Strategy<Value = Endpoint> {
    let address = prop_oneof![
        any::<[u8; 4]>().prop_map(std::net::IpAddr::from),
        any::<[u8; 16]>().prop_map(std::net::IpAddr::from),
    ];
    (address, any::<u16>()).prop_map(|(address, port)| Endpoint { address, port })
}

fn owner() -> impl Strategy<Value = Owner> {
    (
        any::<u32>(),
        any::<u32>(),
        "[a-z]{0,15}",
        select(Evidence::ALL.to_vec()),
        option::of(any::<u32>()),
        any::<bool>(),
    )
        .prop_map(|(pid, uid, name, evidence, thread, in_process_tree)| {
            let comm = Comm::from_slice(name.as_bytes());
            let thread = thread.map(|tid| Thread { tid, comm });
            Owner { thread, in_process_tree, ..Owner::new(pid, comm, uid, evidence) }
        })
}

fn counted() -> impl Strategy<Value = Counted> {
    let numbers = (option::of(any::<u32>()), any::<u32>(), any::<[u64; 3]>()).prop_map(
        |(srtt_us, retransmits, [bytes_sent, bytes_acked, bytes_received])| Numbers {
            srtt_us,
            retransmits,
            bytes_sent,
            bytes_acked,
            bytes_received,
        },
    );
    (numbers, state(), state(), any::<bool>()).prop_map(|(numbers, from, to, in_order)| Counted {
        numbers,
        from,
        to,
        in_order,
    })
}

fn what() -> impl Strategy<Value = What> {
    let context = select(vec![Context::Process, Context::Softirq, Context::Inferred(Inference::Listed)]);
    let cause = prop_oneof![
        Just(Cause::Close),
        any::<bool>().prop_map(|both| Cause::Shutdown { both }),
        any::<u16>().prop_map(|errno| Cause::Error { errno }),
    ];
    prop_oneof![
        state().prop_map(What::Existing),
        (state(), state(), option::of(context), option::of(cause))
            .prop_map(|(from, to, context, cause)| What::Changed(from, to, context, cause)),
        state().prop_map(What::Orphaned),
        (state(), any::<u64>()).prop_map(|(state, count)| What::Retransmitted(state, count)),
        (state(), option::of("[A-Z]{0,9}")).prop_map(|(state, reason)| What::Reset(state, reason)),
    ]
}

/// Steps at any times, and the sides that they could be of.
fn history() -> impl Strategy<Value = ConnectionHistory> {
    let steps = vec((any::<u64>(), any::<i64>(), any::<bool>(), what()), 0..20);
    let side = (
        any::<[bool; 5]>(),
        any::<[u64; 2]>(),
        option::of(any::<u32>()),
        [end(), end()],
        option::of(owner()),
        state(),
        option::of(counted()),
        any::<usize>(),
    );
    (any::<u64>(), any::<u64>(), vec(side, 0..3), steps).prop_map(|(id, skipped, sides, steps)| {
        let count = sides.len();
        let steps: Vec<_> = steps
            .into_iter()
            .map(|(mono_ns, wall_ns, second, what)| Step {
                at: Moment { mono_ns, wall_ns },
                side: usize::from(second && count > 1),
                what,
            })
            .collect();
        let mut history = ConnectionHistory { skipped, ..ConnectionHistory::new(ConnectionId(id)) };
        for (
            [serial, orphan, existing, faces, is_cut],
            [number, retransmits],
            netns,
            [local, remote],
            owner,
            state,
            counted,
            since,
        ) in sides
        {
            let first = history.sides.first().filter(|_| faces).map(|first: &Side| first.tuple.reversed());
            history.sides.push(Side {
                socket: if serial { SocketId::Serial(number) } else { SocketId::Cookie(number) },
                netns: netns.map(Netns),
                tuple: first.unwrap_or(Tuple { local, remote }),
                owner,
                state,
                since: steps.get(since % 21).map(|step: &Step| step.at),
                orphan,
                existing,
                is_cut,
                counted,
                retransmits,
            });
        }
        ConnectionHistory { steps, ..history }
    })
}

proptest! {
    #[test]
    fn what_was_put_in_comes_out(histories in vec(history(), 1..4)) {
        let mut compact = Compacted::default();
        for history in &histories {
            prop_assert_eq!(compact.put(history.clone()), Ok(()));
            prop_assert_eq!(compact.get(history.id), Some(history.clone()));
        }
        for history in histories.iter().rev() {
            if let Some(taken) = compact.take(history.id) {
                prop_assert_eq!(&taken, history);
            }
        }
        prop_assert_eq!(compact.ids().count(), 0);
    }
}

#[test]
fn what_cannot_be_packed_is_given_back() {
    let mut compact = Compacted::default();
    for number in 0..=Compacted::WHATS {
        let step = Step {
            at: Moment::default(),
            side: 0,
            what: What::Reset(TcpState::Close, Some(number.to_string())),
        };
        let history = ConnectionHistory { steps: vec![step], ..ConnectionHistory::new(ConnectionId(1)) };
        assert_eq!(compact.put(history.clone()).is_ok(), number < Compacted::WHATS);
    }
}

/// A connection within this host, open.
#[test]
fn it_is_small() {
    use TcpState::{Close, Established, Listen, SynRecv, SynSent};
    let end = |port| Endpoint { address: std::net::IpAddr::from_str("127.0.0.1").unwrap(), port };
    let at = |us: u64| {
        let mono_ns = 590_701_997_760 + 1_000 * us;
        Moment { mono_ns, wall_ns: 1_795_341_600_123_456_789 + mono_ns.cast_signed() }
    };
    let numbers = Numbers { srtt_us: Some(40), bytes_acked: 1, ..Numbers::default() };
    let counted = |from| Counted { numbers, from, to: Established, in_order: true };
    let side = |cookie, local, remote, from, us| Side {
        socket: SocketId::Cookie(cookie),
        netns: Some(Netns(4_026_531_840)),
        tuple: Tuple { local: end(local), remote: end(remote) },
        owner: None,
        state: Established,
        since: Some(at(us)),
        orphan: false,
        existing: false,
        is_cut: false,
        counted: Some(counted(from)),
        retransmits: 0,
    };
    let changed = |us, side, from, to, context| Step {
        at: at(us),
        side,
        what: What::Changed(from, to, Some(context), None),
    };
    let history = ConnectionHistory {
        sides: vec![
            side(5_121_910, 54_998, 10_050, SynSent, 35),
            side(5_121_911, 10_050, 54_998, SynRecv, 40),
        ],
        steps: vec![
            changed(0, 0, Close, SynSent, Context::Process),
            changed(30, 1, Listen, SynRecv, Context::Softirq),
            changed(35, 0, SynSent, Established, Context::Process),
            changed(40, 1, SynRecv, Established, Context::Softirq),
        ],
        ..ConnectionHistory::new(ConnectionId(7))
    };
    let packed = Compacted::default().pack(&history).unwrap();
    assert!(packed.bytes.len() <= 100, "{} bytes", packed.bytes.len());
}
