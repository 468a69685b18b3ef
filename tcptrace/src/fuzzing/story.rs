//! The whole way from the ring buffer to the records, with events in any order: nothing panics, every event is accounted
//! for, what is emitted reads back the same, and no table grows beyond the places in memory that sockets can have.

use std::collections::BTreeMap;

use anyhow::anyhow;
use tcptrace_ebpf::{Kind, RECORD_VERSION, RawAccept, RawSocketEvent, RawTransition, TimerStep};
use zerocopy::{FromBytes, IntoBytes as _};

use crate::{
    address::Netns,
    connection::{ConnectionTable, Keep, Retain},
    dumped::DumpedSocket,
    event::{DecodeError, RawEvent, StateChange},
    filter::{Filter, FilterStage, Ports},
    record::Record,
    recording::{Item, Reader, append},
    session::{Config, Counted, Dump, Session},
    stuck::Limits,
    tcp::TcpState,
    time::Moment,
};

/// Bytes that describe one record of the kernel side.
const DESCRIBED_BY: usize = 8;
/// Places in memory, cookies, and ports that there are.
const PLACES: u8 = 16;

/// Takes a byte for the circumstances, then [`DESCRIBED_BY`] for each record.
pub fn story(bytes: &[u8]) {
    let Some((circumstances, descriptions)) = bytes.split_first() else { return };
    let is = |bit: u32| circumstances >> bit & 1 == 1;
    let local_ports = if is(3) { "2-9".parse().expect("ports") } else { Ports::default() };
    let filter = Filter { local_ports, ..Filter::default() };
    let told = Told::new(filter.clone(), if is(4) { Retain::Latest(2) } else { Retain::None });
    let config = Config { filter, minisocket_timers: is(0), stuck: Some(Limits::default()) };
    let mut host = Host::new(Session::new(config, at(1)), told);
    host.session.request_dump(at(1)).expect("the sockets that were there before");
    let first = if is(2) { Ok(Dump::default()) } else { Err(anyhow!("no dump")) };
    host.session.on_dump(at(1), first, &mut host.records);
    host.makes_dumps = is(1);
    host.counted.lost_notes = u64::from(!is(5));
    for description in descriptions.chunks_exact(DESCRIBED_BY).take(400) {
        // The last byte is how much later it is: nothing, or from microseconds to minutes.
        host.now +=
            [0, 1_000, 30_000, 2_000_000, 50_000_000, 1 << 32, 1 << 36, 1][usize::from(description[7] % 8)];
        host.take(description);
    }
    host.finish();
}

/// A host as the session that traces it sees it.
struct Host {
    session: Session,
    told: Told,
    records: Vec<Record>,
    counted: Counted,
    /// The sockets that have cookies, as their last state changes left them.
    sockets: BTreeMap<u64, DumpedSocket>,
    makes_dumps: bool,
    now: u64,
}

impl Host {
    fn new(session: Session, told: Told) -> Self {
        Self {
            session,
            told,
            records: Vec::new(),
            counted: Counted::default(),
            sockets: BTreeMap::new(),
            makes_dumps: false,
            now: 1,
        }
    }

    fn take(&mut self, description: &[u8]) {
        let is = |bit: u32| description[7] >> bit & 1 == 1;
        let event = RawEvent::decode(&raw(description, self.now)).expect("as the kernel side makes them");
        if let Some(change) = event.state_change() {
            self.counted.seen += 1;
            self.change(change);
        }
        self.session.read(Ok(event));
        self.counted.lost_notes += u64::from(is(3));
        if is(4) {
            self.counted.seen += 1;
            self.session.read(Err(DecodeError::Size(0)));
        }
        if is(5) {
            self.counted.seen += 1;
            self.counted.ring_full += 1;
        }
        if is(6) && self.session.is_waiting() {
            self.dump();
        }
        if is(7) {
            self.step();
        }
    }

    /// One turn of the loop that drives a session.
    fn step(&mut self) -> usize {
        let now = at(self.now);
        let count = self.session.next_batch(now);
        if count > 0 {
            self.session.on_lost_notes(now, self.counted.lost_notes);
        }
        while self.session.advance(&mut (), &mut self.records) {}
        if self.session.wants_counters(now) {
            self.session.on_counters(now, self.counted, &mut self.records);
        }
        if self.makes_dumps {
            self.session.request_dump(now);
        }
        self.told.tell(&mut self.records);
        count
    }

    fn dump(&mut self) {
        let sockets: Vec<_> = self.sockets.values().cloned().collect();
        let namespaces = sockets.iter().map(|socket| socket.netns).collect();
        let dump = Dump { sockets, namespaces, ..Dump::default() };
        self.session.on_dump(at(self.now), Ok(dump), &mut self.records);
    }

    fn change(&mut self, change: &StateChange) {
        let Some(cookie) = change.cookie else { return };
        if change.to == TcpState::Close {
            self.sockets.remove(&cookie);
        } else {
            let netns = change.netns.unwrap_or(Netns(1));
            self.sockets.insert(cookie, DumpedSocket::new(netns, change.tuple, change.to, cookie));
        }
    }

    fn finish(mut self) {
        self.session.end();
        while self.step() > 0 {}
        self.session.finish(&mut self.records);
        self.session.on_counters(at(self.now), self.counted, &mut self.records);
        self.told.tell(&mut self.records);
        self.told.stage.finish();
        let lost = self.session.lost(&self.counted);
        assert_eq!(self.told.lost, lost);
        let accounted = self.told.stage.shown() + self.told.stage.filtered() + lost;
        assert_eq!(self.session.seen(&self.counted), accounted, "{:?}", self.counted);
        self.told.check();
    }
}

struct Told {
    stage: FilterStage,
    table: ConnectionTable,
    lines: Vec<u8>,
    records: Vec<Record>,
    lost: u64,
}

impl Told {
    fn new(filter: Filter, closed: Retain) -> Self {
        Self {
            stage: FilterStage::new(filter, None),
            table: ConnectionTable::new(Keep { closed, ..Keep::ALL }),
            lines: Vec::new(),
            records: Vec::new(),
            lost: 0,
        }
    }

    fn tell(&mut self, records: &mut Vec<Record>) {
        for record in records.drain(..) {
            match &record {
                Record::Stuck(stuck) => assert!(stuck.for_ns > 0),
                Record::Lost(lost) => self.lost += lost.count,
                _ => {}
            }
            self.stage
                .pass(&record, |record| {
                    let closed = self.table.add(record);
                    assert!(closed.is_none_or(|history| history.is_over()));
                    append(&mut self.lines, record);
                    self.records.push(record.clone());
                    Ok::<_, ()>(())
                })
                .expect("memory takes it");
        }
    }

    fn check(&self) {
        let read: Vec<_> = Reader::new(self.lines.as_slice())
            .map(|item| match item.expect("no error in memory") {
                Item::Record(record) => record,
                other => panic!("not a record: {other:?}"),
            })
            .collect();
        let mut again = Vec::new();
        read.iter().for_each(|record| append(&mut again, record));
        assert_eq!(String::from_utf8_lossy(&again), String::from_utf8_lossy(&self.lines));
        assert_eq!(read.len(), self.records.len());
        assert!(self.table.latest(Retain::Latest(2)).len() <= 2);
    }
}

const fn at(mono_ns: u64) -> Moment {
    Moment { mono_ns, wall_ns: 1_700_000_000_000_000_000 + mono_ns.cast_signed() }
}

/// One record: what, which socket, cookie or not, both ends, states, flags.
fn raw(description: &[u8], now: u64) -> Vec<u8> {
    let [what, place, cookie, ends, states, flags, more, _] = *description else { return Vec::new() };
    // Each kind of socket has a slab of its own in the kernel.
    let area = match what % 8 {
        2 => 2,
        3 => 1,
        _ => 0,
    };
    let (socket, cookie) = (u64::from(place % PLACES) + 1 + 100 * area, u64::from(cookie % PLACES));
    let (local_port, remote_port) = (u16::from(ends & 0xf), u16::from(ends >> 4));
    let local = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1];
    let (old_state, new_state) = (states % 12 + 1, (states / 12) % 12 + 1);
    let kind = [
        Kind::TRANSITION,
        Kind::TRANSITION,
        Kind::TIMEWAIT,
        Kind::REQUEST,
        Kind::RESET_SENT,
        Kind::RETRANSMIT,
        Kind::RETRANSMIT_SYNACK,
        Kind::ACCEPT,
    ];
    let kind = kind[usize::from(what % 8)];
    match kind {
        Kind::TRANSITION => {
            let mut raw: RawTransition = zeroed();
            (raw.version, raw.kind, raw.time_ns) = (RECORD_VERSION, kind, now);
            (raw.old_state, raw.new_state) = (old_state, new_state);
            (raw.socket, raw.cookie) = (socket, cookie);
            raw.flags = u32::from(flags) | u32::from(more) << 8;
            raw.error = u16::from(more >> 6) * 37;
            (raw.local_port, raw.remote_port) = (local_port, remote_port);
            (raw.local_address, raw.remote_address) = (local, local);
            (raw.pid, raw.tid, raw.exit_code) = (u32::from(more % 3) + 1, u32::from(more % 3) + 1, 9);
            raw.as_bytes().to_vec()
        }
        Kind::ACCEPT => {
            let mut raw: RawAccept = zeroed();
            (raw.version, raw.kind, raw.time_ns) = (RECORD_VERSION, kind, now);
            (raw.socket, raw.cookie, raw.pid) = (socket, cookie, u32::from(more % 3) + 1);
            raw.as_bytes().to_vec()
        }
        _ => {
            let mut raw: RawSocketEvent = zeroed();
            (raw.version, raw.kind, raw.time_ns) = (RECORD_VERSION, kind, now);
            raw.state = old_state;
            raw.detail = [TimerStep::STARTED, TimerStep::STOPPED, TimerStep::EXPIRED, TimerStep::PROLONGED]
                [usize::from(flags % 4)];
            (raw.socket, raw.cookie, raw.tid) = (socket, cookie, u32::from(more % 3) + 1);
            (raw.local_port, raw.remote_port) = (local_port, remote_port);
            (raw.local_address, raw.remote_address) = (local, local);
            raw.as_bytes().to_vec()
        }
    }
}

fn zeroed<T: FromBytes>() -> T {
    T::new_zeroed()
}
