//! The whole way from the ring buffer to what is told, with events in any order: nothing panics, every event is accounted
//! for, what is told reads back the same, and no table grows beyond the places in memory that sockets can have.

use tcptrace_ebpf::{Kind, RECORD_VERSION, RawAccept, RawNote, RawTransition, TimerStep};
use zerocopy::{FromBytes, IntoBytes as _};

use crate::{
    connection::{ConnectionHistory, ConnectionTable, Keep},
    event::{RawEvent, Timers},
    filter::{Filter, FilterStage, Ports},
    record::Record,
    recording::{Item, Reader, append},
    stuck::{Limits, StuckDetector},
    time::Moment,
    tracker::Tracker,
};

/// Bytes that describe one record of the kernel side.
const DESCRIBED_BY: usize = 8;
/// Places in memory, cookies, and ports that there are.
const PLACES: u8 = 16;

/// Takes a byte for the circumstances, then [`DESCRIBED_BY`] for each record.
pub fn story(bytes: &[u8]) {
    let Some((circumstances, descriptions)) = bytes.split_first() else { return };
    let is = |bit: u32| circumstances >> bit & 1 == 1;
    let mut tracker = Tracker::new().seeing_stand_ins(is(0)).getting_lists(is(1));
    if is(2) {
        tracker.knows_requests_from(0);
    }
    if is(5) {
        tracker.knows_minisockets_from(0);
    }
    let local_ports = if is(3) { "2-9".parse().expect("ports") } else { Ports::default() };
    let filter = Filter { local_ports, ..Filter::default() };
    let mut told = Told::new(filter, if is(4) { Keep::Latest(2) } else { Keep::Open });
    let mut timers = Timers::default();
    let (mut batch, mut records, mut events, mut now) = (Vec::new(), Vec::new(), 0_u64, 1_u64);
    for description in descriptions.chunks_exact(DESCRIBED_BY).take(400) {
        // The last byte is how much later it is: nothing, or from microseconds to minutes.
        now +=
            [0, 1_000, 30_000, 2_000_000, 50_000_000, 1 << 32, 1 << 36, 1][usize::from(description[7] % 8)];
        let seen = RawEvent::decode(&raw(description, now)).expect("as the kernel side makes them");
        events += u64::from(seen.state_change().is_some());
        batch.push(seen);
        if description[7] & 0x80 != 0 {
            timers.fold(&mut batch, now);
            follow(&mut tracker, &mut batch, &mut records);
            told.tell(&mut records, at(now));
        }
    }
    timers.finish(&mut batch);
    follow(&mut tracker, &mut batch, &mut records);
    tracker.finish(&mut records);
    told.tell(&mut records, at(now));
    told.stage.finish();
    let accounted = told.stage.shown() + told.stage.filtered();
    assert_eq!(events.checked_add_signed(tracker.extra()), Some(accounted), "of {events} events");
    told.check();
}

struct Told {
    stage: FilterStage,
    table: ConnectionTable,
    watch: StuckDetector,
    lines: Vec<u8>,
    records: Vec<Record>,
}

impl Told {
    fn new(filter: Filter, keep: Keep) -> Self {
        Self {
            stage: FilterStage::new(filter, None),
            table: ConnectionTable::new(keep),
            watch: StuckDetector::new(Limits::default()),
            lines: Vec::new(),
            records: Vec::new(),
        }
    }

    fn tell(&mut self, records: &mut Vec<Record>, now: Moment) {
        for record in records.drain(..) {
            self.watch.follow(&record);
            self.stage
                .pass(&record, |record| {
                    self.table.add(record);
                    append(&mut self.lines, record);
                    self.records.push(record.clone());
                    if self.table.drains_closed() {
                        assert!(self.table.drain_closed().iter().all(ConnectionHistory::is_over));
                    }
                    Ok::<_, ()>(())
                })
                .expect("memory takes it");
        }
        for stuck in self.watch.due(now) {
            assert!(stuck.for_ns > 0 && stuck.at == now);
        }
    }

    fn check(&self) {
        let read: Vec<_> = Reader::new(self.lines.as_slice())
            .map(|item| match item.expect("no error in memory") {
                Item::Record(record) => record,
                Item::Gap(lines) => panic!("{lines} lines cannot be read"),
            })
            .collect();
        let mut again = Vec::new();
        read.iter().for_each(|record| append(&mut again, record));
        assert_eq!(String::from_utf8_lossy(&again), String::from_utf8_lossy(&self.lines));
        assert_eq!(read.len(), self.records.len());
        if !self.table.drains_closed() {
            assert!(self.table.histories().len() <= 2);
        }
    }
}

const fn at(mono_ns: u64) -> Moment {
    Moment { mono_ns, wall_ns: 1_700_000_000_000_000_000 + mono_ns as i64 }
}

fn follow(tracker: &mut Tracker, batch: &mut Vec<RawEvent>, records: &mut Vec<Record>) {
    for seen in batch.drain(..) {
        let at = at(seen.mono_ns());
        match seen {
            RawEvent::StateChange(event) => tracker.apply(at, &event, records),
            RawEvent::Accept(accept) => tracker.accepted(&accept),
            RawEvent::Fork(fork) => tracker.process_tree().fork(&fork),
            RawEvent::SocketEvent(note) => tracker.note(at, &note, |_| None, records),
        }
    }
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
            let mut raw: RawNote = zeroed();
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
