//! One record of every kind, with every word that can stand in it.

use std::{net::IpAddr, sync::Arc, time::Duration};

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
    render::{Json, Render as _, write_listed},
    tcp::TcpState,
    time::Moment,
};

pub const AT: Moment = Moment { mono_ns: 590_701_997_760, wall_ns: 1_795_341_600_123_456_789 };

/// All records, then all listed sockets, as JSON lines.
pub fn golden() -> String {
    let mut out = lines(&records());
    for found in listed() {
        write_listed(&mut out, AT, &found).unwrap();
    }
    String::from_utf8(out).unwrap()
}

/// Records as JSON lines.
pub fn lines(records: &[Record]) -> Vec<u8> {
    let mut out = Vec::new();
    records.iter().for_each(|record| Json::default().record(&mut out, record).unwrap());
    out
}

fn end(address: &str, port: u16) -> Endpoint {
    Endpoint { address: address.parse::<IpAddr>().unwrap(), port }
}

fn owner(evidence: Evidence) -> Owner {
    Owner::new(2502, Comm::from_slice(b"server"), 1000, evidence)
}

fn subject() -> Subject {
    Subject {
        socket: SocketId::Cookie(121_910),
        connection: Some(ConnectionId(7)),
        netns: Some(Netns(4_026_531_840)),
        tuple: Tuple { local: end("127.0.0.1", 10050), remote: end("127.0.0.1", 54998) },
        owner: Some(owner(Evidence::Syscall)),
        cgroup: None,
    }
}

fn step(from: TcpState, to: TcpState, context: Context, cause: Option<Cause>) -> Transition {
    Transition {
        at: AT,
        subject: subject(),
        from,
        to,
        in_from_ns: Some(100_173_134),
        since_first_ns: Some(100_215_402),
        context: Some(context),
        cause,
        numbers: None,
    }
}

/// All names of the tables, as they stand in JSON.
pub fn names() -> Vec<&'static str> {
    // A request socket: no event names it, and a list says `SYN_RECV`.
    let states = TcpState::ALL.into_iter().filter(|state| *state != TcpState::NewSynRecv).map(TcpState::name);
    [
        &RecordKind::ALL.map(RecordKind::name)[..],
        &Cause::NAMES,
        &Outcome::NAMES,
        &Completeness::ALL.map(Completeness::name),
        &Evidence::ALL.map(Evidence::name),
        &Inference::ALL.map(Inference::name),
        &Loss::ALL.map(Loss::name),
        &TimerKind::ALL.map(TimerKind::name),
        &states.collect::<Vec<_>>(),
    ]
    .concat()
}

/// All causes, each with two values of what it may carry.
fn causes() -> Vec<Cause> {
    let details = [(false, 2, 113), (true, 40, 5)].map(|(both, signal, errno)| CauseDetails {
        both: Some(both),
        signal: Some(signal),
        errno: Some(errno),
    });
    let with = |name| details.map(|details| Cause::from_name(name, details).unwrap());
    let mut causes: Vec<_> = Cause::NAMES.into_iter().flat_map(with).collect();
    causes.dedup();
    causes
}

/// All outcomes, in the same way.
fn outcomes() -> Vec<Outcome> {
    let details = [(Some(1), 113), (None, 71)].map(|(by, errno)| OutcomeDetails { by, errno: Some(errno) });
    let with = |name| details.map(|details| Outcome::from_name(name, details).unwrap());
    let mut outcomes: Vec<_> = Outcome::NAMES.into_iter().flat_map(with).collect();
    outcomes.dedup();
    outcomes
}

/// Step at which such a cause is seen.
fn caused(cause: Cause) -> Transition {
    use TcpState::{
        Close, CloseWait, Established, FinWait1, FinWait2, LastAck, Listen, SynRecv, SynSent, TimeWait,
    };
    let (from, to, context) = match cause {
        Cause::Close | Cause::Exit => (CloseWait, LastAck, Context::Process),
        Cause::Shutdown { .. } | Cause::Killed { .. } => (Established, FinWait1, Context::Process),
        Cause::SynReceived => (Listen, SynRecv, Context::Softirq),
        Cause::SynCookie => (SynRecv, Established, Context::Softirq),
        Cause::FinReceived => (Established, CloseWait, Context::Softirq),
        Cause::Refused | Cause::TimedOut | Cause::Unreachable { .. } => (SynSent, Close, Context::Softirq),
        Cause::Abort | Cause::UnreadData | Cause::LingerZero | Cause::Destroyed => {
            (Established, Close, Context::Process)
        }
        Cause::OrphanLimit => (FinWait1, Close, Context::Process),
        Cause::TimeWaitLimit => (FinWait2, Close, Context::Softirq),
        Cause::Elapsed | Cause::Reused => (TimeWait, Close, Context::Softirq),
        Cause::ResetReceived
        | Cause::RetransmissionTimeout
        | Cause::KeepaliveTimeout
        | Cause::UserTimeout
        | Cause::ListenerClosed
        | Cause::Error { .. } => (Established, Close, Context::Softirq),
    };
    step(from, to, context, Some(cause))
}

/// Record that rests on such grounds.
fn concluded(from: Inference) -> Record {
    use TcpState::{Close, Closing, Established, FinWait2, TimeWait};
    let context = Context::Inferred(from);
    let fin_received = Some(Cause::FinReceived);
    Record::Transition(match from {
        Inference::FinReceived => step(Closing, TimeWait, context, fin_received),
        Inference::Continuity => Transition { in_from_ns: None, ..step(Established, Close, context, None) },
        Inference::PeerClosed | Inference::Minisocket => step(FinWait2, TimeWait, context, fin_received),
        Inference::Listed => step(TimeWait, Close, context, None),
        Inference::Orphaned => return Record::Orphan(orphan(context)),
    })
}

fn orphan(context: Context) -> Orphan {
    Orphan {
        at: AT,
        subject: subject(),
        state: TcpState::FinWait2,
        since_first_ns: Some(60_000_000_000),
        context: Some(context),
    }
}

/// The records.
pub fn records() -> Vec<Record> {
    use TcpState::{Close, Closing, Established, FinWait1, FinWait2, Listen, SynRecv, SynSent, TimeWait};
    let nobody = Subject { owner: None, ..subject() };
    // What a classic hook sees of a connect(): no cookie, no namespace, no local port, no context.
    let little = Subject {
        socket: SocketId::Serial(3),
        netns: None,
        tuple: Tuple { local: end("::1", 0), remote: end("::1", 443) },
        ..nobody.clone()
    };
    let listening = Subject {
        connection: None,
        tuple: Tuple { local: end("::", 10050), remote: end("::", 0) },
        owner: None,
        ..subject()
    };
    let thread = Thread { tid: 2505, comm: Comm::from_slice(b"accept-\xff") };
    let by_a_thread = Subject {
        owner: Some(Owner { thread: Some(thread), ..owner(Evidence::Syscall) }),
        ..listening.clone()
    };
    let cgroup = Cgroup::new(format!("/system.slice/docker-{}.scope", "0123456789abcdef".repeat(4)));
    let cgroup = Some(Arc::new(cgroup));
    let child = Subject { owner: Some(owner(Evidence::Listener)), cgroup, ..subject() };
    let start = Start {
        at: AT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        probe: "btf".to_owned(),
        fallback: None,
        kernel: "6.18.0".to_owned(),
        filter: "--port 10050".to_owned(),
        sees: ["stand_ins", "orphan_fins", "resets", "retransmits", "forks", "accepts"]
            .map(str::to_owned)
            .to_vec(),
        unseen: Vec::new(),
    };
    let start_classic = Start {
        probe: "tracepoint".to_owned(),
        fallback: Some("attach tp_btf inet_sock_set_state: no BTF".to_owned()),
        filter: String::new(),
        sees: vec!["accept_calls".to_owned()],
        unseen: vec![Unseen {
            what: "accepts".to_owned(),
            why: "attach fexit inet_csk_accept: operation not permitted".to_owned(),
        }],
        ..start.clone()
    };
    let numbers = Numbers {
        srtt_us: Some(120),
        retransmits: 2,
        bytes_sent: 1_000,
        bytes_acked: 1_001,
        bytes_received: u64::MAX,
    };
    let again =
        Retransmit { at: AT, subject: nobody.clone(), state: SynSent, count: 3, since_first_ns: Some(7) };
    let reset = Reset {
        at: AT,
        subject: subject(),
        state: Established,
        reason: Some("TCP_ABORT_ON_LINGER".to_owned()),
        since_first_ns: None,
    };
    let steps = [
        Transition { subject: by_a_thread, ..step(Close, Listen, Context::Process, None) },
        Transition {
            subject: little,
            in_from_ns: None,
            since_first_ns: None,
            context: None,
            ..step(Close, SynSent, Context::Process, None)
        },
        Transition { subject: child, ..step(Listen, SynRecv, Context::Softirq, None) },
        step(SynRecv, Established, Context::Softirq, None),
        step(FinWait1, FinWait2, Context::Softirq, None),
        Transition { subject: nobody, ..step(FinWait1, Closing, Context::Softirq, None) },
        step(Established, TimeWait, Context::Softirq, None),
        Transition { numbers: Some(numbers), ..step(Established, FinWait1, Context::Process, None) },
        Transition {
            numbers: Some(Numbers { srtt_us: None, ..numbers }),
            ..step(SynSent, Established, Context::Softirq, None)
        },
    ];
    let existing = Evidence::ALL.map(|evidence| {
        let subject = Subject { owner: Some(owner(evidence)), ..listening.clone() };
        Record::Existing(Existing { at: AT, subject, state: Listen })
    });
    let stuck = Stuck {
        at: AT,
        subject: subject(),
        state: TcpState::CloseWait,
        for_ns: 60_000_000_000,
        at_least: true,
        count: 2,
        fd: Some(7),
    };
    let totals = Totals { seen: 12, shown: 8, filtered: 3, lost: 1 };
    [Record::Start(start), Record::Start(start_classic)]
        .into_iter()
        .chain(existing)
        .chain(steps.into_iter().chain(causes().into_iter().map(caused)).map(Record::Transition))
        .chain(Inference::ALL.map(concluded))
        .chain([Record::Orphan(orphan(Context::Softirq))])
        .chain([Record::Retransmit(again), Record::Reset(reset.clone())])
        .chain([Record::Reset(Reset { reason: None, ..reset })])
        .chain([stuck.clone(), Stuck { at_least: false, fd: None, ..stuck }].map(Record::Stuck))
        .chain(summaries().map(|summary| Record::Connection(Box::new(summary))))
        .chain(Loss::ALL.map(|reason| Record::Lost(Lost { at: AT, count: 4096, reason })))
        .chain([0, 1].map(|illegal| Record::End(End { at: AT, totals, illegal })))
        .collect()
}

/// One with everything, one for each outcome, of open connections one for each completeness, and one with next to
/// nothing.
fn summaries() -> impl Iterator<Item = ConnectionSummary> {
    let opener = ConnectionEnd {
        address: end("127.0.0.1", 54998),
        socket: Some(SocketId::Cookie(121_911)),
        state: Some(TcpState::TimeWait),
        owner: Some(owner(Evidence::Accept)),
        handshake_ns: Some(52_000),
        payload: Some(6),
        retransmits: Some(1),
    };
    let elsewhere = ConnectionEnd {
        address: end("127.0.0.1", 10050),
        socket: None,
        state: None,
        owner: None,
        handshake_ns: None,
        payload: Some(0),
        retransmits: None,
    };
    let whole = ConnectionSummary {
        at: AT,
        connection: ConnectionId(7),
        open: false,
        netns: Some(Netns(4_026_531_840)),
        ends: vec![opener, elsewhere],
        opener: Some(0),
        closed_first: Some(1),
        outcome: Some(Outcome::InOrder),
        lasted_ns: Some(2_000_000_000),
        established_ns: Some(1_000_000_000),
        half_closed_ns: Some(400_000_000),
        teardown_ns: Some(500_000_000),
        completeness: Completeness::Whole,
    };
    let little = ConnectionSummary {
        ends: vec![elsewhere],
        opener: None,
        closed_first: None,
        netns: None,
        lasted_ns: None,
        established_ns: None,
        half_closed_ns: None,
        teardown_ns: None,
        completeness: Completeness::JoinedMidway,
        ..whole.clone()
    };
    let over = outcomes()
        .into_iter()
        .map(|outcome| ConnectionSummary { outcome: Some(outcome), ..little.clone() })
        .collect::<Vec<_>>();
    let open = Completeness::ALL.map(|completeness| ConnectionSummary {
        open: true,
        outcome: None,
        teardown_ns: None,
        completeness,
        ..whole.clone()
    });
    let nothing = ConnectionSummary { outcome: None, ..little };
    [whole].into_iter().chain(over).chain(open).chain([nothing])
}

/// Sockets as `list` finds them, one with each timer.
fn listed() -> Vec<DumpedSocket> {
    let holder = Holder { pid: 2502, comm: b"x) \x1b[1m\xff\n".to_vec(), uid: 0, fd: 4, others: 0 };
    let open = DumpedSocket {
        inode: 5,
        send_q: 1460,
        cgroup_id: Some(1),
        cgroup: Some(Arc::new(Cgroup::new("/machine.slice/machine-web.scope"))),
        holder: Some(holder.clone()),
        ..DumpedSocket::new(Netns(4_026_531_840), subject().tuple, TcpState::Established, u64::MAX)
    };
    let timed = |state, kind, retransmits| DumpedSocket {
        state,
        timer: Some(Timer { kind, expires: Duration::from_millis(1200), retransmits }),
        cgroup: None,
        holder: None,
        ..open.clone()
    };
    let timed = TimerKind::ALL.map(|kind| match kind {
        TimerKind::Retransmit => timed(TcpState::LastAck, kind, 3),
        TimerKind::Keepalive => timed(TcpState::CloseWait, kind, 0),
        TimerKind::TimeWait => timed(TcpState::TimeWait, kind, 0),
        TimerKind::Probe => timed(TcpState::Established, kind, 1),
    });
    let listener = DumpedSocket {
        state: TcpState::Listen,
        tuple: Tuple { local: end("0.0.0.0", 10050), remote: end("0.0.0.0", 0) },
        recv_q: 1,
        send_q: 128,
        holder: Some(Holder { others: 3, ..holder }),
        ..open.clone()
    };
    [listener].into_iter().chain(timed).chain([open]).collect()
}
