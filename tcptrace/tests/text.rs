//! What people see: one story of three connections, on wide and narrow terminals, plain and coloured.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use jiff::{
    Timestamp,
    tz::{TimeZone, offset},
};
use proptest::prelude::*;
use std::{collections::HashMap, time::Duration};
use tcptrace::{
    address::{Endpoint, Netns, Tuple},
    connection::{ConnectionTable, Keep, Retain},
    event::{Activity, SockFacts, StateChange, Task},
    pipeline::{Dumped, Ending},
    process::{Comm, Evidence, Owner},
    record::{End, Loss, Lost, Record, SocketId, Start, Stuck, Subject, Totals},
    render::{ConnectionReport, Palette, Render as _, Text, TextStyle, describe_totals},
    tcp::TcpState::{self, Close, CloseWait, Established, FinWait1, FinWait2, Listen, SynRecv, SynSent},
    time::Moment,
    tracker::{SocketInfo, Tracker},
};

const SERVER: &[u8] = b"server";
/// A name that would turn a terminal red and the line around.
const CLIENT: &[u8] = b"\x1b[31mclient\xe2\x80\xae";

/// Microseconds after ten o'clock.
fn moment(us: u64) -> Moment {
    const TEN: i64 = 1_763_287_200_000_000_000;
    Moment { mono_ns: us * 1_000, wall_ns: TEN + i64::try_from(us).unwrap() * 1_000 }
}

fn tuple(local: &str, remote: &str) -> Tuple {
    let end = |text: &str| {
        let (address, port) = text.rsplit_once('-').unwrap();
        Endpoint { address: address.parse().unwrap(), port: port.parse().unwrap() }
    };
    Tuple { local: end(local), remote: end(remote) }
}

/// A step of a socket: in a system call of `task`, or while it merely ran (`held: false`).
struct Step<'a> {
    us: u64,
    cookie: u64,
    tuple: Tuple,
    change: (TcpState, TcpState),
    comm: &'a [u8],
    activity: Activity,
    facts: SockFacts,
}

impl Step<'_> {
    fn event(&self) -> StateChange {
        StateChange {
            mono_ns: self.us * 1_000,
            pointer: self.cookie,
            cookie: Some(self.cookie),
            netns: Some(Netns(4_026_531_840)),
            tuple: self.tuple,
            from: self.change.0,
            to: self.change.1,
            sock: Some(self.facts),
            numbers: None,
            cgroup: None,
            task: Task {
                pid: if self.comm == SERVER { 2502 } else { 2503 },
                tid: 1,
                uid: 1000,
                comm: Comm::from_slice(self.comm),
                // A server with a thread that does nothing but listen.
                thread: Comm::from_slice(if self.change.1 == Listen { b"acceptor" } else { self.comm }),
                activity: Some(self.activity),
            },
        }
    }
}

const HELD: SockFacts = SockFacts {
    owned: true,
    orphan: false,
    fin_received: false,
    error: 0,
    receive_shutdown: false,
    file_released: Some(true),
    ending: None,
};
const PACKET: SockFacts = SockFacts { owned: false, file_released: None, ..HELD };
const ORPHANED: SockFacts = SockFacts { orphan: true, ..PACKET };
const RESET: SockFacts = SockFacts { error: 104, ..PACKET };

/// A server that is killed while its client stays, a refused connection, a reset one over IPv6, and a loss.
fn story() -> Vec<Record> {
    let client = tuple("127.0.0.1-54998", "127.0.0.1-10050");
    let server = client.reversed();
    let unbound = tuple("0.0.0.0-0", "127.0.0.1-10050");
    let nobody = tuple("127.0.0.1-54999", "127.0.0.1-10050");
    let far = tuple("2001:db8::10-41000", "2001:db8:0:1:ffff:ffff:ffff:ffff-10050");
    let running = Activity::Running;
    let killed = Activity::Exiting { signal: 2 };
    let step = |us, cookie, tuple, change, comm, activity, facts| Step {
        us,
        cookie,
        tuple,
        change,
        comm,
        activity,
        facts,
    };
    let steps = [
        step(0, 1, tuple("127.0.0.1-10050", "0.0.0.0-0"), (Close, Listen), SERVER, running, HELD),
        step(1_200, 2, unbound, (Close, SynSent), CLIENT, running, HELD),
        step(1_217, 2, client, (SynSent, Established), CLIENT, running, PACKET),
        step(1_220, 3, server, (Listen, SynRecv), CLIENT, running, PACKET),
        step(1_221, 3, server, (SynRecv, Established), CLIENT, running, PACKET),
        step(250_000, 9, far, (Established, Close), CLIENT, running, RESET),
        step(501_221, 3, server, (Established, FinWait1), SERVER, killed, HELD),
        step(501_250, 2, client, (Established, CloseWait), SERVER, killed, PACKET),
        step(501_300, 1, tuple("127.0.0.1-10050", "0.0.0.0-0"), (Listen, Close), SERVER, killed, HELD),
        step(541_500, 3, server, (FinWait1, FinWait2), SERVER, killed, ORPHANED),
        step(541_502, 3, server, (FinWait2, Close), SERVER, killed, ORPHANED),
        step(700_000, 4, unbound, (Close, SynSent), CLIENT, running, HELD),
        step(700_040, 4, nobody, (SynSent, Close), CLIENT, running, SockFacts { error: 111, ..PACKET }),
    ];
    let mut tracker = Tracker::default();
    let mut records = vec![Record::Start(Start {
        at: moment(0),
        version: "0.1.0".to_owned(),
        probe: "btf".to_owned(),
        fallback: None,
        kernel: "6.18.0".to_owned(),
        filter: "port 10050".to_owned(),
        sees: Vec::new(),
        unseen: Vec::new(),
    })];
    let owner = Owner::new(77, Comm::from_slice(b"sshd"), 0, Evidence::Procfs);
    for (cookie, tuple, owner) in [(9, far, Some(owner)), (10, tuple("10.0.0.1-22", "10.0.0.2-10050"), None)]
    {
        let found =
            SocketInfo { cookie: Some(cookie), netns: None, tuple, state: Established, owner, cgroup: None };
        tracker.add_existing(moment(0), &found, &mut records);
    }
    for step in steps {
        tracker.apply(moment(step.us), &step.event(), &mut records);
    }
    records.push(Record::Lost(Lost { at: moment(800_000), count: 3, reason: Loss::RingFull }));
    records
}

/// The timeline and the report, as the trace writes them.
fn page(width: Option<usize>, coloured: bool) -> String {
    let style = TextStyle { zone: TimeZone::UTC, palette: Palette::new(coloured), width };
    let latest = Retain::Latest(20);
    let mut text = Text::new(style.clone(), latest);
    let mut table = ConnectionTable::new(Keep { closed: latest, ..Keep::ALL });
    let mut out = Vec::new();
    for record in story() {
        table.add(&record);
        text.record(&mut out, &record).unwrap();
    }
    let at = moment(1_541_502);
    let totals = Totals { seen: 16, shown: 13, filtered: 0, lost: 3 };
    let dumped = HashMap::from([
        (2, Dumped { state: CloseWait, expires: None }),
        (3, Dumped { state: FinWait2, expires: Some(Duration::from_secs(59)) }),
    ]);
    let ending = Ending {
        end: End { at, totals, illegal: 0 },
        open_at: at,
        is_complete: true,
        is_recorded: false,
        dumped: Some(dumped),
    };
    let report = ConnectionReport { style: &style, ending: &ending };
    for history in table.latest(latest) {
        out.push(b'\n');
        report.write(&mut out, &history).unwrap();
    }
    format!(
        "{}\n{} unchanged\n{}\n",
        String::from_utf8(out).unwrap(),
        table.unchanged(),
        describe_totals(&totals)
    )
}

#[test]
fn on_one_row_where_nothing_limits_it() {
    insta::assert_snapshot!("unlimited", page(None, false));
}

#[test]
fn on_two_rows_where_100_columns_are_all() {
    insta::assert_snapshot!("100_columns", page(Some(100), false));
}

#[test]
fn colours_are_those_of_the_phases() {
    insta::assert_snapshot!("coloured", page(Some(160), true).replace('\x1b', "␛"));
}

/// Addresses and names are the only things that may be longer than a row.
#[test]
fn eighty_columns_are_enough() {
    let page = page(Some(80), false);
    for line in page.lines() {
        assert!(unicode_width::UnicodeWidthStr::width(line) <= 80, "{line:?} in\n{page}");
    }
    insta::assert_snapshot!("80_columns", page);
}

#[test]
fn no_name_reaches_the_terminal_raw() {
    for width in [None, Some(80)] {
        assert!(!page(width, false).contains(['\x1b', '\u{202e}']));
    }
    // Found by its cookie, so that a story without it does not pass.
    assert!(story().iter().any(|record| record.subject().is_some_and(|of| of.socket == SocketId::Cookie(2))));
}

/// With the descriptor, so that `gdb` or `lsof` can go on from there.
#[test]
fn a_socket_that_is_stuck() {
    let subject = Subject {
        socket: SocketId::Cookie(2),
        connection: None,
        netns: None,
        tuple: tuple("127.0.0.1-54998", "127.0.0.1-10050"),
        owner: Some(Owner::new(2503, Comm::from_slice(b"client"), 1000, Evidence::Syscall)),
        cgroup: None,
    };
    let stuck = Stuck {
        at: moment(60_000_000),
        subject,
        state: CloseWait,
        for_ns: 60_000_000_000,
        at_least: false,
        count: 1,
        fd: Some(7),
    };
    let again = Stuck { at: moment(120_000_000), at_least: true, count: 2, fd: None, ..stuck.clone() };
    let mut shown = Vec::new();
    for (width, stuck) in [(None, stuck.clone()), (None, again), (Some(80), stuck)] {
        let style = TextStyle { zone: TimeZone::UTC, palette: Palette::default(), width };
        Text::new(style, Retain::None).record(&mut shown, &Record::Stuck(stuck)).unwrap();
    }
    insta::assert_snapshot!("stuck", String::from_utf8(shown).unwrap());
}

proptest! {
    #[test]
    fn the_time_of_day_is_that_of_the_zone(wall_ns: i64, hours in -12_i8..=14) {
        let zone = TimeZone::fixed(offset(hours));
        let style = TextStyle { zone: zone.clone(), palette: Palette::default(), width: None };
        let time = Timestamp::from_nanosecond(wall_ns.into()).unwrap().to_zoned(zone);
        let shown = style.time(Moment { mono_ns: 0, wall_ns });
        prop_assert_eq!(shown, time.strftime("%H:%M:%S.%6f").to_string());
    }
}
