//! A notation in which a test reads as a ladder of events, with the records that the tracker emits between the rungs.
//!
//! ```text
//! client = 127.0.0.1:4000 > 127.0.0.1:80
//! +0     client  CLOSE → SYN_SENT  pid=7/curl
//!     = client#1  CLOSE → SYN_SENT  curl:7(syscall)  call
//! ```
//!
//! # Grammar
//!
//! One line is one of these; words are separated by any number of spaces. `[x]` may be missing, `x...` may be repeated.
//!
//! ```text
//! NAME = END > END [KEY...]             a socket; END is 127.0.0.1:80, [::1]:80, or * for none
//!
//! TIME NAME STATE → STATE [WORD...]     a state change
//! TIME NAME minisocket|request [STEP] [NOTE...]    a step of a timer
//! TIME NAME RST [reason=N] [NOTE...]    a RST is sent
//! TIME NAME again [NOTE...]             a segment is sent again
//! TIME NAME accept pid=PROCESS          a process accepts
//! opened NAME NAME                      four state changes: curl opens from the first to the second
//!
//! sees minisockets                      the timers are reported (TrackerConfig::minisocket_timers)
//! knows requests|minisockets TIME       they are all known from then on
//! found NAME STATE [pid=PROCESS]        the socket is in a dump
//! attached                              from here on, `found` and state changes are gathered, until ...
//! dumped                                ... here, where they are merged
//! requested_at TIME                     the same after a loss, until ...
//! repaired                              ... here, where the dump repairs what is believed
//! finish                                the trace ends
//!
//! = RECORD                              expected of the line above; `words` has the form
//! # COMMENT                             nothing, like an empty line
//!
//! TIME    = +N[s|ms|us]                 without a unit nanoseconds
//! PROCESS = PID/COMM
//! STEP    = started | stopped | expired | restarted | reused          started if it is missing
//! KEY     = cookie=N|none | netns=N|none | at=NAME        at: the place in memory of another socket
//! NOTE    = in=STATE | tid=N | nameless                   nameless: without a cookie
//! ```
//!
//! The first socket has cookie 1, the second one cookie 2; each has a place in memory of its own, and all are in
//! namespace 1, unless a KEY says otherwise. A minisocket and a request socket have places beside that of their NAME.
//! `found` outside of a gathering adds the socket at once.
//!
//! Without WORDs a state change happens in a softirq while no process runs. The WORDs:
//!
//! ```text
//! pid=PROCESS     in a system call of this process, which holds the socket
//! task=PROCESS    while this process happens to run; kthread: a kernel thread
//! thread=PROCESS  in this thread of the process before
//! close           after the last descriptor is closed; exit, kill=9: by the end of the process
//! bound           the local port is known at connect()
//! as=NAME         with the cookie and the addresses of another socket, as a child's before Linux 6.15
//! blind           from the classic hook without BTF, which reads nothing of the socket
//! err=N           with this errno; fin: the peer's FIN has come; orphan: no process has it; rd: shut down for reading
//! acknowledged    nothing is left at the end; unacknowledged, unsent: something is; used: its namespace is in use
//! sent=N acked=N got=N resent=N         the numbers of struct tcp_sock
//! ```

mod parse;
mod words;

use std::{collections::HashMap, fmt::Write as _};

use crate::{
    address::{Netns, Tuple},
    event::{Accept, RawEvent, StateChange},
    process::{Evidence, Owner},
    record::Record,
    tracker::{SockDiagDump, SocketInfo, Tracker, begun_requests, merge},
};
use parse::{at, nanoseconds, process};

/// A socket that a ladder names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named {
    pub(super) cookie: Option<u64>,
    pub(super) pointer: u64,
    pub(super) netns: Option<Netns>,
    pub(super) tuple: Tuple,
}

/// Runs a ladder, and compares the records with those that it expects.
#[track_caller]
pub(super) fn ladder(text: &str) {
    let with_records = Ladder::default().run(text);
    let plain = |text: &str| {
        let lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        lines.filter(|line| !line.is_empty()).collect::<Vec<_>>()
    };
    assert!(plain(text) == plain(&with_records), "other records:\n{with_records}\n");
}

/// Records of a ladder, whatever it expects; those of an ordinary opening too.
pub(crate) fn emitted(text: &str) -> Vec<Record> {
    let mut ladder = Ladder { emits_openings: true, ..Ladder::default() };
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
    /// Dump and events that are gathered up to `dumped` or `repaired`.
    found: Vec<SocketInfo>,
    since: Vec<StateChange>,
    gathers: bool,
    /// Time at which the dump after a loss was requested.
    requested_at: u64,
    /// Whether the records of `opened` are emitted.
    emits_openings: bool,
}

impl Ladder {
    fn run(mut self, text: &str) -> String {
        let mut page = String::new();
        for line in text.lines().map(str::trim_end) {
            if line.trim_start().starts_with("= ") {
                continue;
            }
            writeln!(page, "{line}").unwrap();
            let mut records = Vec::new();
            self.line(line.trim(), &mut records);
            self.tracker.sockets.check();
            for record in &records {
                writeln!(page, "            = {}", self.words(record)).unwrap();
            }
        }
        page
    }

    fn line(&mut self, line: &str, out: &mut Vec<Record>) {
        let words: Vec<_> = line.split_whitespace().collect();
        match words.as_slice() {
            [] | ["#", ..] => {}
            [name, "=", local, ">", remote, keys @ ..] => {
                let named = self.named(local, remote, keys);
                self.sockets.insert((*name).to_owned(), named);
            }
            ["opened", client, server] => self.open(client, server, out),
            ["sees", "minisockets"] => self.tracker.config.minisocket_timers = true,
            ["knows", "minisockets", time] => self.tracker.set_minisockets_known_from(nanoseconds(time)),
            ["knows", "requests", time] => self.tracker.set_requests_known_from(nanoseconds(time)),
            ["attached"] => self.gathers = true,
            ["requested_at", time] => (self.gathers, self.requested_at) = (true, nanoseconds(time)),
            ["found", name, state, more @ ..] => {
                let found = self.found(name, state, more);
                if self.gathers {
                    self.found.push(found);
                } else {
                    self.tracker.add_existing(at(0), &found, out);
                }
            }
            ["dumped"] => self.merge(out),
            ["repaired"] => self.repair(out),
            ["finish"] => self.tracker.finish(out),
            [time, name, "accept", who] => {
                let Named { cookie, pointer, .. } = self.sockets[*name];
                let (pid, comm) = process(who.strip_prefix("pid=").unwrap());
                let owner = Owner::new(pid, comm, 0, Evidence::Accept);
                self.tracker.apply_accept(&Accept { mono_ns: nanoseconds(time), pointer, cookie, owner });
            }
            [time, name, kind @ ("request" | "minisocket" | "RST" | "again"), notes @ ..] => {
                let event = self.socket_event(time, name, kind, notes);
                let reason = |number| Some(format!("REASON_{number}"));
                self.tracker.apply_socket_event(at(event.mono_ns), &event, reason, out);
            }
            [time, name, from, "→", to, more @ ..] => {
                let event = self.state_change(time, name, [from, to], more);
                if self.gathers {
                    self.since.push(event);
                } else {
                    self.tracker.apply(at(event.mono_ns), &event, out);
                }
            }
            _ => panic!("no rung: {line}"),
        }
    }

    fn open(&mut self, client: &str, server: &str, out: &mut Vec<Record>) {
        let mut records = Vec::new();
        for rung in [
            format!("+0 {client} CLOSE → SYN_SENT pid=7/curl"),
            format!("+60us {client} SYN_SENT → ESTABLISHED pid=7/curl"),
            format!("+70us {server} LISTEN → SYN_RECV task=7/curl"),
            format!("+71us {server} SYN_RECV → ESTABLISHED task=7/curl"),
        ] {
            self.line(&rung, &mut records);
        }
        if self.emits_openings {
            out.append(&mut records);
        }
    }

    fn merge(&mut self, out: &mut Vec<Record>) {
        let events: Vec<_> = self.since.iter().cloned().map(RawEvent::StateChange).collect();
        let begun = begun_requests(&events);
        for found in merge(std::mem::take(&mut self.found), &self.since, &begun) {
            self.tracker.add_existing(at(0), &found, out);
        }
        self.catch_up(out);
    }

    fn repair(&mut self, out: &mut Vec<Record>) {
        let dump = SockDiagDump {
            requested_at: at(self.requested_at),
            sockets: std::mem::take(&mut self.found),
            namespaces: [Netns(1)].into(),
        };
        let since: Vec<_> = self.since.iter().cloned().map(RawEvent::StateChange).collect();
        self.tracker.repair(dump, &since, out);
        self.catch_up(out);
    }

    fn catch_up(&mut self, out: &mut Vec<Record>) {
        for event in self.since.drain(..) {
            self.tracker.apply(at(event.mono_ns), &event, out);
        }
        self.gathers = false;
    }
}
