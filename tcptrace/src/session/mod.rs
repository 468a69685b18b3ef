//! A live trace as a state machine without I/O and without a clock: records of the kernel side, counters, dumps of sockets
//! and the time go in, records of what happened come out.
//!
//! Whoever drives it does in turn:
//! 1. [`read`](Session::read) what the kernel side has sent, as far as there is [`room`](Session::room);
//! 2. take the [`next_batch`](Session::next_batch), say how many [notes were lost](Session::on_lost_notes), and
//!    [`advance`](Session::advance) until all of it is followed, handing on what is emitted and reading ahead in between;
//! 3. [`on_counters`](Session::on_counters) if it [`wants_counters`](Session::wants_counters), and begin the dump that it
//!    [requests](Session::request_dump);
//! 4. wait as [`Pacing`] says, no longer than its [`deadline`](Session::deadline), and hand it the dump when that is
//!    [made](Session::on_dump).
//!
//! So nothing waits for a dump but the events that must: signals are heard, and the kernel's buffer is emptied.

mod counted;
mod dumps;
mod lookup;
mod losses;
mod pacing;
mod read_ahead;
mod repair;
mod stuck;
#[cfg(test)]
mod tests;

pub use counted::Counted;
pub use dumps::{Dump, DumpRequest};
pub use lookup::Lookup;
pub use pacing::{BATCH, GATHERING, Pacing, TICK};

use crate::{
    event::{DecodeError, RawEvent, Timers},
    filter::Filter,
    record::Record,
    stuck::Limits,
    time::Moment,
    tracker::{Tracker, TrackerConfig},
};
use dumps::{Existing, Pending};
use losses::Losses;
use read_ahead::{AHEAD, ReadAhead};
use repair::RepairPlan;
use stuck::StuckCheck;

/// Number of events that are followed, and roughly of records that are emitted, before more is read: a burst, or a dump
/// of all sockets, would take more memory than all that a trace keeps of the sockets.
pub const AT_ONCE: usize = 1_024;

/// A note and the event that belongs to it come within this time, nanoseconds: a thread may lose its CPU between the two.
const APART: u64 = 1_000_000_000;

/// A request lives no longer, nanoseconds: six SYN+ACKs, each after twice as long (`tcp_synack_retries`, 5).
const REQUEST_LIVES: u64 = 64_000_000_000;

/// Circumstances of a trace.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Condition that a socket in a dump must meet to be reported.
    pub filter: Filter,
    /// Whether notes tell of the lives of minisockets and request sockets.
    pub minisocket_timers: bool,
    /// How long a socket may stay in a state, if that is watched.
    pub stuck: Option<Limits>,
}

/// A trace that runs.
#[derive(Debug)]
pub struct Session {
    filter: Filter,
    phase: Phase,
    tracker: Tracker,
    ahead: ReadAhead,
    timers: Timers,
    /// The events that are followed now, and how many of them were.
    batch: Vec<RawEvent>,
    followed: usize,
    existing: Existing,
    losses: Losses,
    repair_plan: RepairPlan,
    /// A repair after which it was not looked yet whether more was lost.
    repaired_at: Option<Moment>,
    minisocket_dump_due: Option<u64>,
    stuck: Option<StuckCheck>,
    pending: Option<Pending>,
    /// Moment before which every event was read when the last batch was taken, unless something was read ahead of it.
    drained_at: Moment,
    wall_minus_mono: i64,
}

/// How far a trace is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Beginning: not yet known which sockets existed before.
    Starting,
    /// Events are followed.
    Tracing,
    /// No event comes any more.
    Ending,
}

impl Session {
    /// A trace that begins now: the hooks are attached, and nothing was read yet.
    #[must_use]
    pub fn new(config: Config, now: Moment) -> Self {
        let Config { filter, minisocket_timers, stuck } = config;
        let mut tracker = Tracker::new(TrackerConfig { minisocket_timers, periodic_dumps: true });
        if minisocket_timers {
            tracker.set_minisockets_known_from(now.mono_ns);
        }
        let mut session = Self {
            filter,
            phase: Phase::Starting,
            tracker,
            ahead: ReadAhead::default(),
            timers: Timers::default(),
            batch: Vec::new(),
            followed: 0,
            existing: Existing::default(),
            losses: Losses::new(now),
            repair_plan: RepairPlan::default(),
            repaired_at: None,
            minisocket_dump_due: None,
            stuck: stuck.map(StuckCheck::new),
            pending: None,
            drained_at: now,
            wall_minus_mono: 0,
        };
        session.compare_clocks(now);
        session
    }

    /// Takes in processes that were asked for together with their descendants: those among `processes`, given each and its
    /// parent, and those that they make from now on.
    pub fn track_processes(&mut self, pids: &[u32], processes: &[(u32, u32)]) {
        let tree = self.tracker.process_tree();
        pids.iter().for_each(|pid| tree.track(*pid));
        tree.track_descendants(processes);
    }

    /// Number of records to read now; ask again once they were.
    #[must_use]
    pub fn room(&self) -> usize {
        // What must be held against a dump has to be read, however much that is.
        self.ahead.room(if self.is_gathering() { usize::MAX } else { AHEAD })
    }

    /// Takes in a record of the kernel side.
    pub fn read(&mut self, record: Result<RawEvent, DecodeError>) {
        match record {
            Ok(event) => self.ahead.push(event),
            Err(error) => {
                self.losses.undecodable += 1;
                log::debug!("a record was left out: {error}");
            }
        }
    }

    /// Takes the next batch to be followed, of what was read by `now`; says how many records that are: none while events
    /// wait for a dump.
    pub fn next_batch(&mut self, now: Moment) -> usize {
        self.compare_clocks(now);
        self.drained_at = now;
        self.give_up_in_a_flood(now);
        if self.is_gathering() {
            return 0;
        }
        self.batch.drain(..std::mem::take(&mut self.followed));
        let records = self.ahead.pop_batch(&mut self.batch);
        if records > 0 || self.losses.has_untold() {
            self.losses.plan_check();
        }
        // Two CPUs may have taken their times in another order than their places in the buffer.
        self.batch.sort_by_key(RawEvent::mono_ns);
        if records == 0 && self.phase == Phase::Ending {
            self.timers.finish(&mut self.batch);
        } else {
            let complete_until = self.complete_until(now);
            self.timers.fold(&mut self.batch, complete_until);
        }
        records
    }

    /// Time up to which the batch has everything: not what was read ahead after it.
    fn complete_until(&self, now: Moment) -> u64 {
        let last = self.batch.last().filter(|_| !self.ahead.is_empty());
        last.map_or(now.mono_ns, |last| last.mono_ns().min(now.mono_ns))
    }

    /// Takes in how many notes were lost by now: asked for each batch, before it is followed. Where notes were lost, a
    /// minisocket or a request that was not seen may have been there all the same, and what is concluded from there being
    /// none would be wrong.
    pub fn on_lost_notes(&mut self, now: Moment, lost_notes: u64) {
        if self.losses.set_lost_notes(lost_notes) {
            self.tracker.set_minisockets_known_from(now.mono_ns + APART);
            self.tracker.set_requests_known_from(now.mono_ns + REQUEST_LIVES);
        }
    }

    /// Follows up to [`AT_ONCE`] events of the batch, and tells what they mean; says whether more of it is left.
    pub fn advance(&mut self, lookup: &mut impl Lookup, out: &mut Vec<Record>) -> bool {
        let before = out.len();
        let at_most = before + AT_ONCE;
        while out.len() < at_most
            && let Some(found) = self.existing.sockets.next()
        {
            self.tracker.add_existing(self.existing.at, &found, out);
        }
        let end = self.batch.len().min(self.followed + AT_ONCE);
        while self.followed < end && out.len() < at_most {
            self.follow(self.followed, lookup, out);
            self.followed += 1;
        }
        self.watch(&out[before..]);
        let is_left = self.followed < self.batch.len() || self.existing.sockets.len() > 0;
        if !is_left {
            self.batch.clear();
            self.followed = 0;
        }
        is_left
    }

    /// Lets the tracker follow an event of the batch.
    fn follow(&mut self, index: usize, lookup: &mut impl Lookup, out: &mut Vec<Record>) {
        let event = &self.batch[index];
        let at = self.moment(event.mono_ns());
        let tracker = &mut self.tracker;
        match event {
            RawEvent::StateChange(event) => {
                lookup.learn_cgroup(event, tracker.cgroups());
                tracker.apply(at, event, out);
            }
            RawEvent::Accept(accept) => tracker.apply_accept(accept),
            RawEvent::Fork(fork) => tracker.process_tree().fork(fork),
            RawEvent::SocketEvent(event) => {
                log::trace!("{event:?}");
                tracker.apply_socket_event(at, event, |number| lookup.reset_reason(number), out);
            }
        }
    }

    /// Whether the kernel side's counters should be read now.
    #[must_use]
    pub fn wants_counters(&self, now: Moment) -> bool {
        !self.is_gathering() && self.losses.next_check().is_some_and(|due| due <= now.mono_ns)
    }

    /// Takes in the kernel side's counters, tells of what was lost since the last time, and then plans a repair.
    pub fn on_counters(&mut self, now: Moment, counted: Counted, out: &mut Vec<Record>) {
        let repaired_at = self.repaired_at.take();
        if self.losses.tell(now, counted, out) {
            // The beginning of a request may be among what was lost.
            self.tracker.set_requests_known_from(now.mono_ns + REQUEST_LIVES);
            self.repair_plan.after_loss(now);
        } else if let Some(repaired_at) = repaired_at {
            self.tracker.set_requests_known_from(repaired_at.mono_ns);
        }
    }

    /// Time of the monotonic clock, nanoseconds, at which something is due though nothing comes; none if nothing is.
    #[must_use]
    pub fn deadline(&self) -> Option<u64> {
        let check = self.losses.next_check().filter(|_| !self.is_gathering());
        check.into_iter().chain(self.next_dump()).min()
    }

    /// Whether it is known which sockets were there before.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.phase != Phase::Starting
    }

    /// Whether something waits: read ahead, for what may follow it, or for a dump. Then the next drain is due in a tick.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.timers.is_waiting()
            || !self.ahead.is_empty()
            || self.pending.as_ref().is_some_and(Pending::is_awaited)
    }

    /// Begins the end: no more dump is taken in, and what waits for one is followed with the next batches. When there is no
    /// more of them, [`finish`](Self::finish).
    pub fn end(&mut self) {
        if self.phase == Phase::Starting {
            log::warn!("existing sockets are not shown: the trace ended before they were listed");
        }
        self.phase = Phase::Ending;
        self.pending = None;
    }

    /// Ends it: emits what was held back to the end.
    pub fn finish(&mut self, out: &mut Vec<Record>) {
        self.tracker.finish(out);
    }

    /// State changes that there were: a step that the kernel does not report is one more; one that is reported after it was
    /// emitted is not.
    #[must_use]
    pub fn seen(&self, counted: &Counted) -> u64 {
        (counted.seen + counted.recursion + counted.lost_notes).saturating_add_signed(self.tracker.extra())
    }

    /// Events that were lost.
    #[must_use]
    pub const fn lost(&self, counted: &Counted) -> u64 {
        counted.ring_full + counted.lost_notes + counted.recursion + self.losses.undecodable
    }

    /// Sockets that are open, as far as is known.
    #[must_use]
    pub fn open(&self) -> usize {
        self.tracker.open_sockets()
    }

    fn watch(&mut self, records: &[Record]) {
        if let Some(check) = &mut self.stuck {
            records.iter().for_each(|record| check.follow(record));
        }
    }

    fn compare_clocks(&mut self, now: Moment) {
        self.wall_minus_mono = now.wall_ns.saturating_sub(now.mono_ns.cast_signed());
    }

    /// A moment that the kernel named.
    const fn moment(&self, mono_ns: u64) -> Moment {
        Moment { mono_ns, wall_ns: self.wall_minus_mono.saturating_add(mono_ns.cast_signed()) }
    }
}
