//! A ladder of events as text, and what the tracker tells of them between the rungs.
//!
//! ```text
//! client = 127.0.0.1:4000 > 127.0.0.1:80        a socket: cookie 1, in namespace 1, as the first one
//! +0     client CLOSE → SYN_SENT pid=7/curl     an event, in a system call of process 7
//!     = client#1  CLOSE → SYN_SENT  curl:7 …    what is told of it: the expectation
//! ```
//!
//! A rung is a time, a socket, two states and words, see [`Ladder::word`]: `pid=7/curl` (a system call of that
//! process), `close` (of its last descriptor), `exit` or `kill=9` (of the whole process), `task=9/rustc` (whoever happens
//! to run), `err=104`, `bound` (the local port is known at `connect()`), `as=listener` (its cookie and addresses, as
//! before Linux 6.15), `blind` (the classic hook without BTF), `acked=8` and the kernel's other numbers. `found` with one state is a socket that was there before;
//! between `attached` and `listed` it is merged with the events, between `requested_at` and `repaired` it is what a list shows after a loss. A note has `request`, `minisocket`, `RST` or `again` in
//! the place of the states, and the timer's step; `accept` has the process that does it. `opened` stands for an ordinary opening by `curl`.

mod words;

use std::{collections::HashMap, fmt::Write as _};

use crate::{
    address::{Endpoint, Netns, Tuple},
    event::{
        Accept, Activity, RawEvent, SockFacts, SocketEvent, SocketEventKind, StateChange, Task, TimerStep,
    },
    process::{Comm, Evidence, Owner},
    record::Record,
    tcp::TcpState,
    time::Moment,
    tracker::{SockDiagDump, SocketInfo, Tracker, merge},
};

/// A socket that a ladder names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named {
    pub(super) cookie: Option<u64>,
    pub(super) pointer: u64,
    pub(super) netns: Option<Netns>,
    pub(super) tuple: Tuple,
}

/// Runs a ladder, and compares what is told with what it says.
#[track_caller]
pub(super) fn ladder(text: &str) {
    let told = Ladder::default().run(text);
    let plain = |text: &str| {
        let lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        lines.filter(|line| !line.is_empty()).collect::<Vec<_>>()
    };
    assert!(plain(text) == plain(&told), "told otherwise:\n{told}\n");
}

/// What is told of a ladder.
pub(crate) fn told(text: &str) -> Vec<Record> {
    let mut ladder = Ladder { tells_all: true, ..Ladder::default() };
    let mut records = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('=')) {
        ladder.line(line, &mut records);
    }
    records
}

#[derive(Default)]
struct Ladder {
    sockets: HashMap<String, Named>,
    tracker: Tracker,
    /// `found` lines and events up to `merge`, which are told together.
    found: Vec<SocketInfo>,
    since: Vec<StateChange>,
    merging: bool,
    /// When a list was asked for after a loss.
    requested_at: u64,
    /// Whether an ordinary opening is told too.
    tells_all: bool,
}

impl Ladder {
    fn run(mut self, text: &str) -> String {
        let mut told = String::new();
        for line in text.lines().map(str::trim_end) {
            if line.trim_start().starts_with("= ") {
                continue;
            }
            writeln!(told, "{line}").unwrap();
            let mut records = Vec::new();
            self.line(line.trim(), &mut records);
            self.tracker.sockets.check();
            for record in &records {
                writeln!(told, "            = {}", self.words(record)).unwrap();
            }
        }
        told
    }

    fn line(&mut self, line: &str, out: &mut Vec<Record>) {
        let words: Vec<_> = line.split_whitespace().collect();
        match words.as_slice() {
            [] | ["#", ..] => {}
            [name, "=", local, ">", remote, more @ ..] => {
                let named = self.named(local, remote, more);
                self.sockets.insert((*name).to_owned(), named);
            }
            ["opened", client, server] => {
                for rung in [
                    format!("+0 {client} CLOSE → SYN_SENT pid=7/curl"),
                    format!("+60us {client} SYN_SENT → ESTABLISHED pid=7/curl"),
                    format!("+70us {server} LISTEN → SYN_RECV task=7/curl"),
                    format!("+71us {server} SYN_RECV → ESTABLISHED task=7/curl"),
                ] {
                    let mut told = Vec::new();
                    self.line(&rung, &mut told);
                    if self.tells_all {
                        out.append(&mut told);
                    }
                }
            }
            ["sees", "stand-ins"] => {
                self.tracker.config.minisocket_timers = true;
            }
            ["knows", "minisockets", time] => self.tracker.set_minisockets_known_from(nanoseconds(time)),
            ["knows", "requests", time] => self.tracker.set_requests_known_from(nanoseconds(time)),
            [time, name, kind @ ("request" | "minisocket" | "RST" | "again"), more @ ..] => {
                let note = self.note(time, name, kind, more);
                let reason = |number| Some(format!("REASON_{number}"));
                self.tracker.note(at(note.mono_ns), &note, reason, out);
            }
            [time, name, "accept", who] => {
                let Named { cookie, pointer, .. } = self.sockets[*name];
                let (pid, comm) = process(who.strip_prefix("pid=").unwrap());
                let owner = Owner::new(pid, comm, 0, Evidence::Accept);
                self.tracker.accepted(&Accept { mono_ns: nanoseconds(time), pointer, cookie, owner });
            }
            ["requested_at", time] => (self.merging, self.requested_at) = (true, nanoseconds(time)),
            ["repaired"] => {
                let found = std::mem::take(&mut self.found);
                let list = SockDiagDump {
                    requested_at: at(self.requested_at),
                    found,
                    namespaces: [Netns(1)].into(),
                };
                let since: Vec<_> = self.since.iter().cloned().map(RawEvent::StateChange).collect();
                self.tracker.repair(list, &since, out);
                for event in self.since.drain(..) {
                    self.tracker.apply(at(event.mono_ns), &event, out);
                }
                self.merging = false;
            }
            ["finish"] => self.tracker.finish(out),
            ["attached"] => self.merging = true,
            ["listed"] => {
                for found in merge(std::mem::take(&mut self.found), &self.since, &Default::default()) {
                    self.tracker.found(at(0), &found, out);
                }
                for event in self.since.drain(..) {
                    self.tracker.apply(at(event.mono_ns), &event, out);
                }
                self.merging = false;
            }
            ["found", name, state, more @ ..] => {
                let found = self.found(name, state, more);
                if self.merging {
                    self.found.push(found);
                } else {
                    self.tracker.found(at(0), &found, out);
                }
            }
            [time, name, from, "→", to, more @ ..] => {
                let event = self.event(time, name, [from, to], more);
                if self.merging {
                    self.since.push(event);
                } else {
                    self.tracker.apply(at(event.mono_ns), &event, out);
                }
            }
            _ => panic!("no rung: {line}"),
        }
    }

    fn named(&self, local: &str, remote: &str, more: &[&str]) -> Named {
        let number = self.sockets.len() as u64 + 1;
        let tuple = Tuple { local: endpoint(local), remote: endpoint(remote) };
        let mut named = Named { cookie: Some(number), pointer: number << 8, netns: Some(Netns(1)), tuple };
        for word in more {
            match word.split_once('=').unwrap_or((word, "")) {
                ("cookie", "none") => named.cookie = None,
                ("cookie", cookie) => named.cookie = Some(cookie.parse().unwrap()),
                ("at", name) => named.pointer = self.sockets[name].pointer,
                ("netns", "none") => named.netns = None,
                ("netns", netns) => named.netns = Some(Netns(netns.parse().unwrap())),
                _ => panic!("no word about a socket: {word}"),
            }
        }
        named
    }

    fn found(&self, name: &str, state: &str, more: &[&str]) -> SocketInfo {
        let Named { cookie, tuple, .. } = self.sockets[name];
        let owner = more.iter().find_map(|word| word.strip_prefix("pid=")).map(|who| {
            let (pid, comm) = process(who);
            Owner::new(pid, comm, 0, Evidence::Procfs)
        });
        let netns = Some(self.sockets[name].netns.unwrap_or(Netns(1)));
        SocketInfo { cookie, netns, tuple, state: state.parse().unwrap(), owner, cgroup: None }
    }

    fn event(&self, time: &str, name: &str, [from, to]: [&str; 2], more: &[&str]) -> StateChange {
        let Named { cookie, pointer, netns, tuple } = self.sockets[name];
        let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
        let swapper = Task {
            pid: 0,
            tid: 0,
            uid: 0,
            comm: Comm::from_slice(b"swapper"),
            thread: Comm::from_slice(b"swapper"),
            activity: Some(Activity::Kernel),
        };
        let mut event = StateChange {
            mono_ns: nanoseconds(time),
            pointer,
            cookie,
            netns,
            tuple,
            from,
            to,
            sock: Some(SockFacts::default()),
            numbers: None,
            cgroup: None,
            task: swapper,
        };
        if (from, to) == (TcpState::Close, TcpState::SynSent) && !more.contains(&"bound") {
            event.tuple.local.port = 0;
        }
        for word in more {
            self.word(&mut event, word);
        }
        event
    }

    fn note(&self, time: &str, name: &str, kind: &str, more: &[&str]) -> SocketEvent {
        let Named { cookie, pointer, netns, tuple } = self.sockets[name];
        let mut note = SocketEvent {
            mono_ns: nanoseconds(time),
            pointer,
            cookie,
            netns,
            tuple,
            state: TcpState::Established,
            tid: 0,
            kind: SocketEventKind::Retransmit,
        };
        let mut step = TimerStep::Started;
        let mut reason = None;
        for word in more {
            match word.split_once('=').unwrap_or((word, "")) {
                ("started", _) => step = TimerStep::Started,
                ("stopped", _) => step = TimerStep::Stopped,
                ("expired", _) => step = TimerStep::Expired,
                ("restarted", _) => step = TimerStep::Restarted,
                ("reused", _) => step = TimerStep::Reused,
                ("in", state) => note.state = state.parse().unwrap(),
                ("tid", tid) => note.tid = tid.parse().unwrap(),
                ("nameless", _) => note.cookie = None,
                ("reason", number) => reason = Some(number.parse().unwrap()),
                _ => panic!("no word about a note: {word}"),
            }
        }
        // Stand-ins live elsewhere in memory than the full socket.
        (note.pointer, note.kind) = match kind {
            "request" => (pointer | 1, SocketEventKind::Request(step)),
            "minisocket" => (pointer | 2, SocketEventKind::Timewait(step)),
            "RST" => (pointer, SocketEventKind::ResetSent { reason }),
            _ => (pointer, SocketEventKind::Retransmit),
        };
        note
    }

    fn word(&self, event: &mut StateChange, word: &str) {
        let facts = event.sock.get_or_insert_default();
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        match key {
            "pid" | "task" => {
                (event.task.pid, event.task.comm) = process(value);
                (event.task.tid, event.task.thread) = (event.task.pid, event.task.comm);
                event.task.activity = Some(Activity::Running);
                facts.owned = key == "pid";
                facts.file_released = facts.owned.then_some(false);
            }
            "thread" => (event.task.tid, event.task.thread) = process(value),
            "close" => facts.file_released = Some(true),
            "exit" | "kill" => {
                facts.file_released = Some(true);
                event.task.activity = Some(Activity::Exiting { signal: value.parse().unwrap_or(0) });
            }
            "kthread" => event.task.activity = Some(Activity::Kernel),
            "used" => facts.ending.get_or_insert_default().netns_in_use = true,
            "fin" => facts.fin_received = true,
            "acknowledged" => _ = facts.ending.get_or_insert_default(),
            "unacknowledged" => facts.ending.get_or_insert_default().unacknowledged = true,
            "unsent" => facts.ending.get_or_insert_default().unsent = true,
            // sock_orphan takes the way to the file away.
            "orphan" => (facts.orphan, facts.file_released) = (true, None),
            "rd" => facts.receive_shutdown = true,
            "err" => facts.error = value.parse().unwrap(),
            "sent" => event.numbers.get_or_insert_default().bytes_sent = value.parse().unwrap(),
            "acked" => event.numbers.get_or_insert_default().bytes_acked = value.parse().unwrap(),
            "got" => event.numbers.get_or_insert_default().bytes_received = value.parse().unwrap(),
            "resent" => event.numbers.get_or_insert_default().retransmits = value.parse().unwrap(),
            "bound" => {}
            "as" => {
                let Named { cookie, tuple, .. } = self.sockets[value];
                (event.cookie, event.tuple) = (cookie, tuple);
            }
            // The classic hook without BTF: nothing of the socket, the thread's name for the task.
            "blind" => {
                (event.sock, event.cookie, event.netns, event.task.activity) = (None, None, None, None);
            }
            _ => panic!("no word about an event: {word}"),
        }
    }
}

fn at(mono_ns: u64) -> Moment {
    Moment { mono_ns, wall_ns: i64::try_from(mono_ns).unwrap() }
}

fn nanoseconds(time: &str) -> u64 {
    let time = time.strip_prefix('+').unwrap();
    let unit = time.trim_start_matches(|c: char| c.is_ascii_digit());
    let number: u64 = time.strip_suffix(unit).unwrap().parse().unwrap();
    number
        * match unit {
            "s" => 1_000_000_000,
            "ms" => 1_000_000,
            "us" => 1_000,
            _ => 1,
        }
}

/// `127.0.0.1:80`, `[::ffff:127.0.0.1]:80` as the kernel's bytes would come, `*` for nobody.
fn endpoint(text: &str) -> Endpoint {
    let (address, port) = text.rsplit_once(':').unwrap_or(("0.0.0.0", "0"));
    let address: std::net::IpAddr = address.trim_matches(['[', ']']).parse().unwrap();
    let bytes = match address {
        std::net::IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        std::net::IpAddr::V6(v6) => v6.octets(),
    };
    Endpoint::from_bytes(bytes, port.parse().unwrap())
}

fn process(text: &str) -> (u32, Comm) {
    let (pid, comm) = text.split_once('/').unwrap();
    (pid.parse().unwrap(), Comm::from_slice(comm.as_bytes()))
}
