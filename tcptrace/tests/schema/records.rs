//! One record of every kind, with every word that can stand in it.

use std::sync::Arc;

use std::{iter, net::IpAddr, time::Duration};

use tcptrace::{
    address::{Endpoint, Netns, Tuple},
    cgroup::Cgroup,
    dumped::{DumpedSocket, Holder, Timer, TimerKind},
    process::{Comm, Evidence, Owner, Thread},
    record::{
        Cause, Completeness, ConnectionEnd, ConnectionId, ConnectionSummary, Context, End, Existing,
        Inference, Loss, Lost, Numbers, Orphan, Outcome, Record, Reset, Retransmit, SocketId, Start, Stuck,
        Subject, Totals, Transition, Unseen,
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

/// The one after it: a new cause must find its place here.
fn next(cause: &Cause) -> Option<Cause> {
    Some(match cause {
        Cause::Close => Cause::Shutdown { both: false },
        Cause::Shutdown { both: false } => Cause::Shutdown { both: true },
        Cause::Shutdown { both: true } => Cause::Exit,
        Cause::Exit => Cause::Killed { signal: 2 },
        Cause::Killed { signal: 2 } => Cause::Killed { signal: 40 },
        Cause::Killed { .. } => Cause::SynReceived,
        Cause::SynReceived => Cause::SynCookie,
        Cause::SynCookie => Cause::FinReceived,
        Cause::FinReceived => Cause::ResetReceived,
        Cause::ResetReceived => Cause::Abort,
        Cause::Abort => Cause::UnreadData,
        Cause::UnreadData => Cause::LingerZero,
        Cause::LingerZero => Cause::OrphanLimit,
        Cause::OrphanLimit => Cause::TimeWaitLimit,
        Cause::TimeWaitLimit => Cause::Refused,
        Cause::Refused => Cause::TimedOut,
        Cause::TimedOut => Cause::RetransmissionTimeout,
        Cause::RetransmissionTimeout => Cause::KeepaliveTimeout,
        Cause::KeepaliveTimeout => Cause::UserTimeout,
        Cause::UserTimeout => Cause::Unreachable { errno: 113 },
        Cause::Unreachable { .. } => Cause::Destroyed,
        Cause::Destroyed => Cause::Error { errno: 5 },
        Cause::Error { .. } => Cause::Elapsed,
        Cause::Elapsed => Cause::ListenerClosed,
        Cause::ListenerClosed => Cause::Reused,
        Cause::Reused => return None,
    })
}

/// Where such a cause is seen.
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
        owner: Some(owner(Evidence::Procfs)),
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
    let unseen = Context::Inferred(Inference::Continuity);
    let time_wait = Context::Inferred(Inference::FinReceived);
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
    let orphan = Orphan {
        at: AT,
        subject: subject(),
        state: FinWait2,
        since_first_ns: Some(60_000_000_000),
        context: Some(Context::Inferred(Inference::Orphaned)),
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
        step(Closing, TimeWait, time_wait, Some(Cause::FinReceived)),
        Transition { in_from_ns: None, ..step(Established, Close, unseen, None) },
        step(FinWait2, TimeWait, Context::Inferred(Inference::PeerClosed), Some(Cause::FinReceived)),
        step(FinWait2, TimeWait, Context::Inferred(Inference::Minisocket), Some(Cause::FinReceived)),
        step(TimeWait, Close, Context::Inferred(Inference::Listed), None),
        step(Established, TimeWait, Context::Softirq, None),
        Transition { numbers: Some(numbers), ..step(Established, FinWait1, Context::Process, None) },
        Transition {
            numbers: Some(Numbers { srtt_us: None, ..numbers }),
            ..step(SynSent, Established, Context::Softirq, None)
        },
    ];
    let causes = iter::successors(Some(Cause::Close), next).map(caused);
    let stuck = Stuck {
        at: AT,
        subject: subject(),
        state: TcpState::CloseWait,
        for_ns: 60_000_000_000,
        at_least: true,
        count: 2,
        fd: Some(7),
    };
    let lost = [Loss::RingFull, Loss::Recursion, Loss::Undecodable, Loss::Unreadable];
    let totals = Totals { seen: 12, shown: 8, filtered: 3, lost: 1 };
    [Record::Start(start), Record::Start(start_classic)]
        .into_iter()
        .chain([Record::Existing(Existing { at: AT, subject: listening, state: Listen })])
        .chain(steps.into_iter().chain(causes).map(Record::Transition))
        .chain([orphan.clone(), Orphan { context: Some(Context::Softirq), ..orphan }].map(Record::Orphan))
        .chain([Record::Retransmit(again), Record::Reset(reset.clone())])
        .chain([Record::Reset(Reset { reason: None, ..reset })])
        .chain([stuck.clone(), Stuck { at_least: false, fd: None, ..stuck }].map(Record::Stuck))
        .chain(verdicts().map(|summary| Record::Connection(Box::new(summary))))
        .chain(lost.map(|reason| Record::Lost(Lost { at: AT, count: 4096, reason })))
        .chain([0, 1].map(|illegal| Record::End(End { at: AT, totals, illegal })))
        .collect()
}

/// One verdict with everything, one for each way to end, and one on a connection that is open.
fn verdicts() -> impl Iterator<Item = ConnectionSummary> {
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
    let ways = [
        Outcome::Simultaneous,
        Outcome::HalfClosed,
        Outcome::Reset { by: Some(1) },
        Outcome::Reset { by: None },
        Outcome::TimedOut,
        Outcome::Refused,
        Outcome::Unreachable { errno: 113 },
        Outcome::Destroyed,
        Outcome::Error { errno: 71 },
        Outcome::Abandoned,
    ];
    let ended = |ended| ConnectionSummary { outcome: Some(ended), ..little.clone() };
    let open = ConnectionSummary {
        open: true,
        outcome: None,
        teardown_ns: None,
        completeness: Completeness::LostEvents,
        ..whole.clone()
    };
    let filtered =
        ConnectionSummary { outcome: None, completeness: Completeness::Filtered, ..little.clone() };
    [whole].into_iter().chain(ways.map(ended)).chain([open, filtered])
}

/// Sockets as `list` finds them, one with each timer.
fn listed() -> Vec<DumpedSocket> {
    let holder = Holder { pid: 2502, comm: b"x) \x1b[1m\xff\n".to_vec(), uid: 0, fd: 4, others: 0 };
    let open = DumpedSocket {
        netns: Netns(4_026_531_840),
        tuple: subject().tuple,
        state: TcpState::Established,
        cookie: u64::MAX,
        inode: 5,
        uid: 0,
        recv_q: 0,
        send_q: 1460,
        timer: None,
        cgroup_id: Some(1),
        cgroup: Some(Arc::new(Cgroup::new("/machine.slice/machine-web.scope"))),
        holder: Some(holder.clone()),
    };
    let timed = |state, kind, retransmits| DumpedSocket {
        state,
        timer: Some(Timer { kind, expires: Duration::from_millis(1200), retransmits }),
        cgroup: None,
        holder: None,
        ..open.clone()
    };
    vec![
        DumpedSocket {
            state: TcpState::Listen,
            tuple: Tuple { local: end("0.0.0.0", 10050), remote: end("0.0.0.0", 0) },
            recv_q: 1,
            send_q: 128,
            holder: Some(Holder { others: 3, ..holder }),
            ..open.clone()
        },
        timed(TcpState::LastAck, TimerKind::Retransmit, 3),
        timed(TcpState::CloseWait, TimerKind::Keepalive, 0),
        timed(TcpState::TimeWait, TimerKind::TimeWait, 0),
        timed(TcpState::Established, TimerKind::Probe, 1),
        open,
    ]
}
