//! Records as nobody would think of them, within what the types and the kernel allow.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
    time::Duration,
};

use proptest::{
    collection::vec,
    option::of,
    prelude::*,
    sample::{select, subsequence},
    strategy::Union,
};
use tcptrace::{
    address::{Endpoint, Netns, Tuple},
    cgroup::Cgroup,
    dumped::{DumpedSocket, Holder, Timer, TimerKind},
    process::{Comm, Evidence, Owner, Thread},
    record::{
        Cause, CauseDetails, Completeness, ConnectionEnd, ConnectionId, ConnectionSummary, Context, End,
        Existing, Inference, Loss, Lost, Numbers, Orphan, Outcome, OutcomeDetails, Record, RecordKind, Reset,
        Retransmit, SocketId, Start, Stuck, Subject, Totals, Transition, Unseen,
    },
    tcp::TcpState,
    time::Moment,
};

/// Any record: a new kind must find its place in [`of_kind`].
pub fn record() -> impl Strategy<Value = Record> {
    Union::new_weighted(RecordKind::ALL.map(of_kind).to_vec())
}

/// Any record of a kind, and how often it is to be among all.
fn of_kind(kind: RecordKind) -> (u32, BoxedStrategy<Record>) {
    match kind {
        RecordKind::Start => (1, start().prop_map(Record::Start).boxed()),
        RecordKind::Existing => {
            let existing = (moment(), subject(), state());
            (
                2,
                existing
                    .prop_map(|(at, subject, state)| Record::Existing(Existing { at, subject, state }))
                    .boxed(),
            )
        }
        RecordKind::Transition => (6, transition().prop_map(Record::Transition).boxed()),
        RecordKind::Orphan => (1, orphan().prop_map(Record::Orphan).boxed()),
        RecordKind::Retransmit => (1, retransmit().prop_map(Record::Retransmit).boxed()),
        RecordKind::Reset => (1, reset().prop_map(Record::Reset).boxed()),
        RecordKind::Stuck => (1, stuck().prop_map(Record::Stuck).boxed()),
        RecordKind::Connection => {
            (2, summary().prop_map(|summary| Record::Connection(Box::new(summary))).boxed())
        }
        RecordKind::Lost => {
            let lost = (moment(), 1_u64.., select(Loss::ALL.to_vec()));
            (1, lost.prop_map(|(at, count, reason)| Record::Lost(Lost { at, count, reason })).boxed())
        }
        RecordKind::End => {
            let end =
                (moment(), any::<[u64; 5]>()).prop_map(|(at, [seen, shown, filtered, lost, illegal])| {
                    Record::End(End { at, totals: Totals { seen, shown, filtered, lost }, illegal })
                });
            (1, end.boxed())
        }
    }
}

fn orphan() -> impl Strategy<Value = Orphan> {
    (moment(), subject(), of(any::<u64>()), any::<bool>()).prop_map(|(at, subject, since_first_ns, seen)| {
        let inferred = Context::Inferred(Inference::Orphaned);
        let context = Some(if seen { Context::Softirq } else { inferred });
        Orphan { at, subject, state: TcpState::FinWait2, since_first_ns, context }
    })
}

fn retransmit() -> impl Strategy<Value = Retransmit> {
    (moment(), subject(), state(), 1_u64.., of(any::<u64>())).prop_map(
        |(at, subject, state, count, since_first_ns)| Retransmit {
            at,
            subject,
            state,
            count,
            since_first_ns,
        },
    )
}

fn reset() -> impl Strategy<Value = Reset> {
    (moment(), subject(), state(), of("[A-Z_]{1,20}"), of(any::<u64>())).prop_map(
        |(at, subject, state, reason, since_first_ns)| Reset { at, subject, state, reason, since_first_ns },
    )
}

/// Any socket that could be listed, and when.
pub fn listed() -> impl Strategy<Value = (Moment, DumpedSocket)> {
    let timer = (select(TimerKind::ALL.to_vec()), any::<u64>(), any::<u8>())
        .prop_map(|(kind, ms, retransmits)| Timer { kind, expires: Duration::from_millis(ms), retransmits });
    let holder = (1_u32.., vec(any::<u8>(), 0..20), any::<(u32, i32, u32)>())
        .prop_map(|(pid, comm, (uid, fd, others))| Holder { pid, comm, uid, fd, others });
    let numbers = any::<(u32, u32, u32, u32)>();
    (moment(), 1_u32.., tuple(), state(), 1_u64.., numbers, of(timer), of(holder), cgroup()).prop_map(
        |(at, netns, tuple, state, cookie, (inode, uid, recv_q, send_q), timer, holder, cgroup)| {
            let cgroup_id = None;
            let netns = Netns(netns);
            (
                at,
                DumpedSocket {
                    netns,
                    tuple,
                    state,
                    cookie,
                    inode,
                    uid,
                    recv_q,
                    send_q,
                    timer,
                    cgroup_id,
                    cgroup,
                    holder,
                },
            )
        },
    )
}

fn start() -> impl Strategy<Value = Start> {
    (
        moment(),
        select(&["btf", "tracepoint"][..]),
        of("\\PC{1,40}"),
        "[0-9.]{1,9}[a-z+-]{0,9}",
        any::<String>(),
        subsequence(vec!["stand_ins", "resets", "retransmits"], 0..=3),
        vec((select(&["forks", "accepts"][..]), "\\PC{1,40}"), 0..3),
    )
        .prop_map(|(at, probe, fallback, kernel, filter, sees, unseen)| Start {
            at,
            version: "0.1.0".to_owned(),
            probe: probe.to_owned(),
            fallback,
            kernel,
            filter,
            sees: sees.into_iter().map(str::to_owned).collect(),
            unseen: unseen.into_iter().map(|(what, why)| Unseen { what: what.to_owned(), why }).collect(),
        })
}

fn stuck() -> impl Strategy<Value = Stuck> {
    use TcpState::{CloseWait, Closing, FinWait1, FinWait2, LastAck, SynRecv, SynSent};
    let states = vec![SynSent, SynRecv, FinWait1, FinWait2, CloseWait, LastAck, Closing];
    (moment(), subject(), select(states), any::<u64>(), any::<bool>(), 1_u64.., of(0..=i32::MAX)).prop_map(
        |(at, subject, state, for_ns, at_least, count, fd)| {
            let fd = fd.filter(|_| subject.owner.is_some());
            Stuck { at, subject, state, for_ns, at_least, count, fd }
        },
    )
}

fn summary() -> impl Strategy<Value = ConnectionSummary> {
    let end = (end(), of(subject()), state(), of(any::<u64>()), of(any::<u64>()), of(any::<u64>())).prop_map(
        |(address, subject, state, handshake_ns, payload, retransmits)| ConnectionEnd {
            address,
            socket: subject.as_ref().map(|subject| subject.socket),
            state: subject.as_ref().map(|_| state),
            owner: subject.as_ref().and_then(|subject| subject.owner),
            handshake_ns: handshake_ns.filter(|_| subject.is_some()),
            payload,
            retransmits: retransmits.filter(|_| subject.is_some()),
        },
    );
    let index = || of(0..2_usize);
    let ends = (vec(end, 1..=2), index(), index());
    let times = (of(any::<u64>()), of(any::<u64>()), of(any::<u64>()), of(any::<u64>()));
    (
        moment(),
        1_u64..,
        any::<bool>(),
        of(1_u32..),
        ends,
        of(outcome()),
        times,
        select(Completeness::ALL.to_vec()),
    )
        .prop_map(
            |(
                at,
                id,
                open,
                netns,
                (ends, opener, closed_first),
                outcome,
                (lasted, open_for, half, teardown),
                completeness,
            )| ConnectionSummary {
                at,
                connection: ConnectionId(id),
                open,
                netns: netns.map(Netns),
                ends,
                opener,
                closed_first,
                outcome: outcome.filter(|_| !open),
                lasted_ns: lasted,
                established_ns: open_for,
                half_closed_ns: half,
                teardown_ns: teardown.filter(|_| !open),
                completeness,
            },
        )
}

fn transition() -> impl Strategy<Value = Transition> {
    let times = (of(any::<u64>()), of(any::<u64>()));
    (moment(), subject(), state(), state(), times, of(context()), of(cause()), of(numbers())).prop_map(
        |(at, subject, from, to, (in_from_ns, since_first_ns), context, cause, numbers)| Transition {
            at,
            subject,
            from,
            to,
            in_from_ns,
            since_first_ns,
            context,
            cause,
            numbers,
        },
    )
}

fn numbers() -> impl Strategy<Value = Numbers> {
    (of(any::<u32>()), any::<u32>(), any::<[u64; 3]>()).prop_map(
        |(srtt_us, retransmits, [bytes_sent, bytes_acked, bytes_received])| Numbers {
            srtt_us,
            retransmits,
            bytes_sent,
            bytes_acked,
            bytes_received,
        },
    )
}

/// `Orphaned` makes an [`Orphan`], never a transition.
fn context() -> impl Strategy<Value = Context> {
    let inferred =
        Inference::ALL.into_iter().filter(|from| *from != Inference::Orphaned).map(Context::Inferred);
    select([Context::Process, Context::Softirq].into_iter().chain(inferred).collect::<Vec<_>>())
}

fn cause() -> impl Strategy<Value = Cause> {
    (select(&Cause::NAMES[..]), any::<(bool, u8, u16)>()).prop_map(|(name, (both, signal, errno))| {
        let details = CauseDetails { both: Some(both), signal: Some(signal), errno: Some(errno) };
        Cause::from_name(name, details).unwrap()
    })
}

fn outcome() -> impl Strategy<Value = Outcome> {
    (select(&Outcome::NAMES[..]), of(0..2_usize), any::<u16>()).prop_map(|(name, by, errno)| {
        Outcome::from_name(name, OutcomeDetails { by, errno: Some(errno) }).unwrap()
    })
}

/// `NEW_SYN_RECV` stays inside the kernel: no event names it, and a list says `SYN_RECV`.
fn state() -> impl Strategy<Value = TcpState> {
    select(TcpState::ALL.to_vec()).prop_filter("inside", |state| *state != TcpState::NewSynRecv)
}

fn moment() -> impl Strategy<Value = Moment> {
    // The epoch and on: a clock that is set before it is no clock.
    (any::<u64>(), 0..=i64::MAX).prop_map(|(mono_ns, wall_ns)| Moment { mono_ns, wall_ns })
}

/// On the heap: the tree of values is larger than what a test's stack takes many times over.
fn subject() -> BoxedStrategy<Subject> {
    let socket = prop_oneof![(1_u64..).prop_map(SocketId::Cookie), (1_u64..).prop_map(SocketId::Serial)];
    let connection = (1_u64..).prop_map(ConnectionId);
    let netns = (1_u32..).prop_map(Netns);
    let evidence = select(Evidence::ALL.to_vec());
    let thread = (1_u32.., comm()).prop_map(|(tid, comm)| Thread { tid, comm });
    let owner = (1_u32.., comm(), of(thread), any::<u32>(), evidence).prop_map(
        |(pid, comm, thread, uid, evidence)| Owner { thread, ..Owner::new(pid, comm, uid, evidence) },
    );
    (socket, of(connection), of(netns), tuple(), of(owner), cgroup())
        .prop_map(|(socket, connection, netns, tuple, owner, cgroup)| Subject {
            socket,
            connection,
            netns,
            tuple,
            owner,
            cgroup,
        })
        .boxed()
}

/// Any bytes, and those that break terminals, lines and quotes.
fn cgroup() -> impl Strategy<Value = Option<Arc<Cgroup>>> {
    let path = prop_oneof![
        any::<String>().prop_map(|path| format!("/{path}")),
        any::<String>().prop_map(|name| format!("/machine.slice/machine-{name}.scope"))
    ];
    of(path.prop_map(|path| Arc::new(Cgroup::new(path))))
}

fn comm() -> impl Strategy<Value = Comm> {
    let hostile: [&[u8]; 6] =
        [b"\x1b[2J\x07", b"a\r\nb", b"\xff\xfe\"\\", "\u{202e}x\u{2028}".as_bytes(), b"", b"\x7f\x1f{}"];
    prop_oneof![
        vec(any::<u8>(), 0..20).prop_map(|bytes| Comm::from_slice(&bytes)),
        select(hostile.to_vec()).prop_map(Comm::from_slice),
    ]
}

fn tuple() -> impl Strategy<Value = Tuple> {
    (end(), end()).prop_map(|(local, remote)| Tuple { local, remote })
}

fn end() -> impl Strategy<Value = Endpoint> {
    let address = prop_oneof![
        any::<u32>().prop_map(|bits| IpAddr::from(Ipv4Addr::from(bits))),
        any::<u128>().prop_map(|bits| Ipv6Addr::from(bits).to_canonical()),
        select(&[0, 1, 0xffff_7f00_0001, 0x7f00_0001_u128][..])
            .prop_map(|bits| Ipv6Addr::from(bits).to_canonical()),
    ];
    (address, any::<u16>()).prop_map(|(address, port)| Endpoint { address, port })
}
