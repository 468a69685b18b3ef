//! The dumps of sockets that a session asks for: one at a time, and what is done with each.

use std::{collections::HashSet, vec};

use anyhow::Result;

use super::{Phase, Session, repair::earliest_next};
use crate::{
    address::Netns,
    dumped::DumpedSocket,
    event::RawEvent,
    record::{Record, Stuck},
    tcp::TcpState,
    time::Moment,
    tracker::{SockDiagDump, SocketInfo, begun_requests, merge},
};

/// Time between two dumps of minisockets at least, nanoseconds.
const BETWEEN_MINISOCKET_DUMPS: u64 = 1_000_000_000;

/// Sockets that a dump should show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DumpRequest {
    /// All sockets, and who holds them; with the processes of the host if descendants of some are asked for.
    Everything {
        /// Whether [`Dump::processes`] is wanted.
        processes: bool,
    },
    /// Sockets in `FIN_WAIT2` and `TIME_WAIT`.
    Minisockets,
}

/// Sockets as the kernel shows them; each entry was true at some moment after the dump was requested.
#[derive(Clone, Debug, Default)]
pub struct Dump {
    /// One entry per socket.
    pub sockets: Vec<DumpedSocket>,
    /// The namespaces whose every socket is in `sockets`.
    pub namespaces: HashSet<Netns>,
    /// Every process and its parent, as of after the sockets were listed; empty if that was not wanted.
    pub processes: Vec<(u32, u32)>,
    /// Sentences for the user: what could not be looked at.
    pub warnings: Vec<String>,
}

/// A dump that is being made.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) purpose: Purpose,
    pub(super) requested_at: Moment,
}

/// Why a dump was requested.
#[derive(Debug)]
pub(super) enum Purpose {
    /// The sockets that were there before the trace.
    Existing,
    /// The end of minisockets that no hook reports.
    Minisockets,
    /// Whether these are still where they are stuck.
    Stuck(Vec<Stuck>),
    /// A repair: what happened while events were lost.
    Repair,
    /// Nothing any more: too much happened while it was made.
    GivenUp,
}

impl Pending {
    /// Whether something becomes of the dump.
    pub(super) const fn is_awaited(&self) -> bool {
        !matches!(self.purpose, Purpose::GivenUp)
    }
}

impl Purpose {
    /// Whether events wait for the dump, to be held against it or emitted after it.
    const fn gathers(&self) -> bool {
        match self {
            Self::Existing | Self::Repair | Self::Stuck(_) => true,
            Self::Minisockets | Self::GivenUp => false,
        }
    }
}

/// Sockets that existed before the trace and were not emitted yet.
#[derive(Debug, Default)]
pub(super) struct Existing {
    pub(super) at: Moment,
    pub(super) sockets: vec::IntoIter<SocketInfo>,
}

impl Session {
    /// Requests the dump that is due, if any: no other one is requested before it is handed to [`on_dump`](Self::on_dump).
    pub fn request_dump(&mut self, now: Moment) -> Option<DumpRequest> {
        self.plan_minisocket_dump(now);
        if self.pending.is_some() {
            return None;
        }
        let purpose = match self.phase {
            Phase::Starting => Purpose::Existing,
            Phase::Tracing => self.due_purpose(now)?,
            Phase::Ending => return None,
        };
        let request = match purpose {
            Purpose::Minisockets => DumpRequest::Minisockets,
            // Forks may be among what was lost too.
            Purpose::Repair => DumpRequest::Everything { processes: self.filter.children },
            _ => DumpRequest::Everything { processes: false },
        };
        self.pending = Some(Pending { purpose, requested_at: now });
        Some(request)
    }

    /// Takes in the dump that was requested. What has happened by `now` must have been read, as far as there was room.
    pub fn on_dump(&mut self, now: Moment, dump: Result<Dump>, out: &mut Vec<Record>) {
        self.compare_clocks(now);
        let Some(Pending { purpose, requested_at }) = self.pending.take() else { return };
        let before = out.len();
        match purpose {
            Purpose::Existing => self.begin_with(requested_at, now, dump),
            Purpose::Minisockets => self.update_minisockets(requested_at, now, dump, out),
            Purpose::Stuck(stuck) => {
                if let Some(check) = &mut self.stuck {
                    check.confirm(stuck, dump, now, now.since(requested_at), out);
                }
            }
            Purpose::Repair => self.repair(requested_at, now, dump, out),
            Purpose::GivenUp => self.repair_plan.given_up_has_ended(now),
        }
        self.watch(&out[before..]);
    }

    /// Whether what is read has to wait for a dump.
    pub(super) fn is_gathering(&self) -> bool {
        match self.phase {
            Phase::Starting => true,
            Phase::Tracing => self.pending.as_ref().is_some_and(|pending| pending.purpose.gathers()),
            Phase::Ending => false,
        }
    }

    /// Gives up a repair for which too much happens.
    pub(super) fn give_up_in_a_flood(&mut self, now: Moment) {
        if let Some(Pending { purpose: purpose @ Purpose::Repair, requested_at }) = &mut self.pending
            && self.repair_plan.gives_up(now, *requested_at, self.ahead.len())
        {
            log::info!("gave up a dump of the sockets: too much happened while it was made");
            *purpose = Purpose::GivenUp;
        }
    }

    /// When the next dump is due; none while one is being made.
    pub(super) fn next_dump(&self) -> Option<u64> {
        if self.phase != Phase::Tracing || self.pending.is_some() {
            return None;
        }
        let stuck = self.stuck.as_ref().and_then(|check| check.due());
        [self.minisocket_dump_due, stuck, self.repair_plan.due()].into_iter().flatten().min()
    }

    fn due_purpose(&mut self, now: Moment) -> Option<Purpose> {
        if self.minisocket_dump_due.is_some_and(|due| due <= now.mono_ns) {
            return Some(Purpose::Minisockets);
        }
        // What was read ahead may say otherwise, or leaves no time for it.
        if !self.ahead.is_empty() {
            return None;
        }
        // As of the last drain: what has happened since may say otherwise too.
        let Self { stuck, tracker, drained_at, .. } = self;
        let stuck = stuck.as_mut().map_or_else(Vec::new, |check| check.take_due(*drained_at, tracker));
        if !stuck.is_empty() {
            return Some(Purpose::Stuck(stuck));
        }
        self.repair_plan.due().is_some_and(|due| due <= now.mono_ns).then(|| {
            self.repair_plan.begin();
            Purpose::Repair
        })
    }

    /// Plans a dump of minisockets: not at all if every one of them tells of itself.
    fn plan_minisocket_dump(&mut self, now: Moment) {
        if self.tracker.has_unwatched() {
            self.minisocket_dump_due.get_or_insert(now.mono_ns + BETWEEN_MINISOCKET_DUMPS);
        } else {
            self.minisocket_dump_due = None;
        }
    }

    /// Holds the sockets that were there before against what happened while they were dumped.
    fn begin_with(&mut self, requested_at: Moment, now: Moment, dump: Result<Dump>) {
        self.phase = Phase::Tracing;
        let since = self.unfollowed();
        for event in &since {
            if let RawEvent::Fork(fork) = event {
                self.tracker.process_tree().fork(fork);
            }
        }
        let sockets = match dump {
            Ok(dump) => {
                dump.warnings.iter().for_each(|warning| log::warn!("{warning}"));
                self.tracker.set_requests_known_from(now.mono_ns);
                self.wanted(dump.sockets)
            }
            Err(error) => {
                log::warn!("existing sockets are not shown: {error:#}");
                Vec::new()
            }
        };
        // Before the first event since the hook was attached: what was there was there before that.
        let at = since.first().map_or(requested_at, |event| requested_at.min(self.moment(event.mono_ns())));
        let changes: Vec<_> = since.iter().filter_map(RawEvent::state_change).cloned().collect();
        let sockets = merge(sockets, &changes, &begun_requests(&since)).into_iter();
        self.existing = Existing { at, sockets };
    }

    /// Tells what became of minisockets that no hook tells of.
    fn update_minisockets(
        &mut self,
        requested_at: Moment,
        now: Moment,
        dump: Result<Dump>,
        out: &mut Vec<Record>,
    ) {
        match dump {
            Ok(dump) => {
                let listed: Vec<_> = dump.sockets.into_iter().map(SocketInfo::from).collect();
                self.tracker.apply_minisocket_dump(requested_at, now, &listed, out);
            }
            Err(error) => log::warn!("what became of minisockets is not known: {error:#}"),
        }
        let wait = earliest_next(BETWEEN_MINISOCKET_DUMPS, now.since(requested_at));
        self.minisocket_dump_due = Some(now.mono_ns + wait);
    }

    /// Lets the tracker go on from what a dump shows.
    fn repair(&mut self, requested_at: Moment, now: Moment, dump: Result<Dump>, out: &mut Vec<Record>) {
        self.repair_plan.end(now, requested_at);
        let dump = match dump {
            Ok(dump) => dump,
            Err(error) => {
                log::warn!("what happened to the sockets while events were lost is not known: {error:#}");
                return;
            }
        };
        self.tracker.process_tree().track_descendants(&dump.processes);
        let since = self.unfollowed();
        let found = self.wanted(dump.sockets);
        self.tracker.repair(
            SockDiagDump { requested_at, sockets: found, namespaces: dump.namespaces },
            &since,
            out,
        );
        // Unless more was lost every request that there is was dumped, or has been seen since.
        self.repaired_at = Some(now);
        self.losses.check_at_once();
    }

    /// Events that have been read and not followed yet, in order of time.
    fn unfollowed(&self) -> Vec<RawEvent> {
        let mut events: Vec<_> = self.timers.waiting().iter().chain(self.ahead.iter()).cloned().collect();
        events.sort_by_key(RawEvent::mono_ns);
        events
    }

    /// Dumped sockets that were asked for, and listeners, which show whose their children are, even where they are not
    /// shown themselves.
    fn wanted(&self, sockets: Vec<DumpedSocket>) -> Vec<SocketInfo> {
        let is_wanted =
            |found: &DumpedSocket| found.state == TcpState::Listen || self.filter.matches_addresses(found);
        sockets.into_iter().filter(is_wanted).map(SocketInfo::from).collect()
    }
}
