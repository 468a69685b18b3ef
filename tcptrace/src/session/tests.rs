//! A session on a host that is plain data: a kernel buffer, counters, the sockets that a dump would show, and the time.

mod accounts;
mod beginning;
mod losses;
mod minisockets;
mod reading;
mod repair;
mod stuck;

use std::collections::VecDeque;

use anyhow::{Result, anyhow};

use super::{Config, Counted, Dump, DumpRequest, Session, TICK};
use crate::{
    address::{Endpoint, Netns, Tuple},
    dumped::{DumpedSocket, Holder},
    event::{
        Activity, DecodeError, Fork, RawEvent, SockFacts, SocketEvent, SocketEventKind, StateChange, Task,
        TimerStep,
    },
    process::Comm,
    record::{Numbers, Record, SocketId},
    tcp::TcpState::{self, *},
    time::Moment,
};

const MS: u64 = 1_000_000;
const NETNS: Netns = Netns(1);

/// A dump that nobody makes.
const NEVER: u64 = u64::MAX / 2;

fn at(ms: u64) -> Moment {
    Moment { mono_ns: ms * MS, wall_ns: (1_000_000 + ms * MS).cast_signed() }
}

/// A host that is traced.
struct Host {
    session: Session,
    /// Now, milliseconds.
    now: u64,
    /// The kernel's buffer, which has room for everything.
    buffer: VecDeque<Result<RawEvent, DecodeError>>,
    counted: Counted,
    /// Sockets that a dump shows.
    sockets: Vec<DumpedSocket>,
    processes: Vec<(u32, u32)>,
    dump_fails: bool,
    dump_takes: u64,
    dump_is_there: Option<u64>,
    /// The dumps that were requested, and when.
    requests: Vec<(u64, DumpRequest)>,
    told: Vec<Record>,
}

impl Host {
    /// A trace whose first dump is requested and takes so long.
    fn new(config: Config, dump_takes: u64) -> Self {
        let mut host = Self {
            session: Session::new(config, at(0)),
            now: 0,
            buffer: VecDeque::new(),
            counted: Counted::default(),
            sockets: Vec::new(),
            processes: Vec::new(),
            dump_fails: false,
            dump_takes,
            dump_is_there: None,
            requests: Vec::new(),
            told: Vec::new(),
        };
        host.turn();
        host
    }

    /// A trace that has begun on a host without sockets.
    fn tracing(config: Config) -> Self {
        let mut host = Self::new(config, 0);
        host.turn();
        assert!(host.session.has_begun());
        host.requests.clear();
        host
    }

    /// One turn of the loop that drives a session, as the app does it; says how many records were taken.
    fn turn(&mut self) -> usize {
        let deadline = self.session.deadline();
        let now = at(self.now);
        let mut is_quiet = self.buffer.is_empty();
        if self.dump_is_there.is_some_and(|there| there <= self.now) {
            (self.dump_is_there, is_quiet) = (None, false);
            self.read();
            let (sockets, processes) = (self.sockets.clone(), self.processes.clone());
            let dump = Dump { sockets, processes, namespaces: [NETNS].into(), ..Dump::default() };
            let dump = if self.dump_fails { Err(anyhow!("no dump")) } else { Ok(dump) };
            self.session.on_dump(now, dump, &mut self.told);
        }
        self.read();
        let count = self.session.next_batch(now);
        if count > 0 {
            self.session.on_lost_notes(now, self.counted.lost_notes);
        }
        while self.session.advance(&mut (), &mut self.told) {
            self.read();
        }
        let wants_counters = self.session.wants_counters(now);
        if wants_counters {
            self.session.on_counters(now, self.counted, &mut self.told);
        }
        let request = self.session.request_dump(now);
        if let Some(request) = request {
            assert_eq!(self.dump_is_there, None, "two dumps at once");
            self.dump_is_there = Some(self.now + self.dump_takes);
            self.requests.push((self.now, request));
        }
        // Who sleeps until the deadline misses nothing.
        if (wants_counters || request.is_some()) && is_quiet && count == 0 && self.now > 0 {
            assert!(deadline.is_some_and(|deadline| deadline <= now.mono_ns), "{deadline:?} {now:?}");
        }
        // And who has done everything can sleep.
        if count == 0 {
            let next = self.session.deadline();
            assert!(next.is_none_or(|deadline| deadline > now.mono_ns), "{next:?} {now:?}");
        }
        count
    }

    fn read(&mut self) {
        while self.session.room() > 0
            && let Some(record) = self.buffer.pop_front()
        {
            self.session.read(record);
        }
    }

    /// Lets time pass, a tick at a time.
    fn run_until(&mut self, ms: u64) {
        while self.now < ms {
            self.now += TICK.as_millis() as u64;
            self.turn();
        }
    }

    /// A state change, now.
    fn change(&mut self, socket: u64, from: TcpState, to: TcpState) {
        self.counted.seen += 1;
        self.buffer.push_back(Ok(change(self.now, socket, from, to)));
    }

    /// A step of the timer of the request that a socket comes from, now.
    fn request(&mut self, socket: u64, cookie: Option<u64>, step: TimerStep) {
        self.buffer.push_back(Ok(RawEvent::SocketEvent(SocketEvent {
            mono_ns: self.now * MS,
            pointer: socket << 16,
            cookie,
            netns: Some(NETNS),
            tuple: tuple(socket),
            state: NewSynRecv,
            tid: 1,
            kind: SocketEventKind::Request(step),
        })));
    }

    /// Records that tell nothing, now.
    fn forks(&mut self, count: u32) {
        let fork = |child| RawEvent::Fork(Fork { mono_ns: self.now * MS, parent: 1, child });
        self.buffer.extend((0..count).map(|child| Ok(fork(child + 1_000))));
    }

    /// The end of the trace, however far it is; every event must be accounted for.
    fn end(&mut self) {
        self.session.end();
        while self.turn() > 0 {}
        self.session.finish(&mut self.told);
        self.session.on_counters(at(self.now), self.counted, &mut self.told);
        let shown = self.told.iter().filter(|record| record.is_event()).count() as u64;
        let lost = self.session.lost(&self.counted);
        assert_eq!(self.session.seen(&self.counted), shown + lost, "{:#?}", self.lines());
        let told: u64 = self.lost().iter().map(|(_, count, _)| count).sum();
        assert_eq!(told, lost);
    }

    /// When which losses were told, and why: milliseconds, number, reason.
    fn lost(&self) -> Vec<(u64, u64, &'static str)> {
        let lost = self.told.iter().filter_map(|record| match record {
            Record::Lost(lost) => Some((lost.at.mono_ns / MS, lost.count, lost.reason.name())),
            _ => None,
        });
        lost.collect()
    }

    /// Records that were emitted, in a few words each.
    fn lines(&self) -> Vec<String> {
        self.told.iter().map(line).collect()
    }

    /// When dumps were requested.
    fn requested(&self) -> Vec<u64> {
        self.requests.iter().map(|(ms, _)| *ms).collect()
    }
}

fn line(record: &Record) -> String {
    let name = |socket| match socket {
        SocketId::Cookie(number) => number,
        SocketId::Serial(number) => 1_000 + number,
    };
    match record {
        Record::Existing(found) => format!("{} {}", name(found.subject.socket), found.state),
        Record::Transition(step) => format!("{} {} → {}", name(step.subject.socket), step.from, step.to),
        Record::Stuck(stuck) => format!("{} stuck in {}", name(stuck.subject.socket), stuck.state),
        Record::Lost(lost) => format!("lost {}", lost.count),
        other => panic!("{other:?}"),
    }
}

fn tuple(socket: u64) -> Tuple {
    let end = |last, port| Endpoint { address: [10, 0, 0, last].into(), port };
    Tuple { local: end(1, 1_000 + socket as u16), remote: end(2, 80) }
}

fn change(ms: u64, socket: u64, from: TcpState, to: TcpState) -> RawEvent {
    let nobody = Comm::from_slice(b"swapper");
    RawEvent::StateChange(StateChange {
        mono_ns: ms * MS,
        pointer: socket << 8,
        cookie: Some(socket),
        netns: Some(NETNS),
        tuple: tuple(socket),
        from,
        to,
        sock: Some(SockFacts { fin_received: from == FinWait2, ..SockFacts::default() }),
        numbers: Some(Numbers::default()),
        cgroup: None,
        task: Task { pid: 0, tid: 0, uid: 0, comm: nobody, thread: nobody, activity: Some(Activity::Kernel) },
    })
}

fn held(socket: u64, state: TcpState, pid: u32) -> DumpedSocket {
    let holder = Holder { pid, comm: b"curl".to_vec(), uid: 0, fd: 5, others: 0 };
    DumpedSocket { holder: Some(holder), ..dumped(socket, state) }
}

fn dumped(socket: u64, state: TcpState) -> DumpedSocket {
    DumpedSocket { inode: 1, ..DumpedSocket::new(NETNS, tuple(socket), state, socket) }
}
