//! The lists of sockets that a trace asks the kernel for: those that were there before, what became of stand-ins that no
//! hook tells of, what is left at the end.

use std::{
    collections::HashMap,
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
};

use anyhow::{Context as _, Result, anyhow};
use tokio::time::{Duration, Instant};

use super::{AT_ONCE, Live};
use crate::{
    dumped,
    event::RawEvent,
    memory,
    probe::{BATCH, TICK},
    render::Listed,
    snapshot::{self, Options, Scope, Snapshot, States},
    tcp::TcpState,
    tracker::{SocketInfo, begun_requests, merge},
};

/// How often to ask what became of stand-ins that no hook tells of.
const STAND_IN_CHECK: Duration = Duration::from_secs(1);

/// All there are, and who has them.
pub(super) const ALL: Options = Options { scope: Scope::Everywhere, states: States::All, owners: true };

/// A list that is being made, on a thread of its own: on a large host that takes seconds, and the buffer is full sooner.
pub(super) struct Listing(Receiver<Result<Snapshot>>);

impl Listing {
    pub(super) fn begin(options: Options) -> Result<Self> {
        let (done, taken) = mpsc::channel();
        // Nobody waits for it where the trace has failed meanwhile.
        let take = move || drop(done.send(snapshot::take(options)));
        thread::Builder::new().name("list".to_owned()).spawn(take).context("start a thread")?;
        Ok(Self(taken))
    }

    /// The list, if it is there within this time.
    pub(super) fn wait(&self, patience: Duration) -> Option<Result<Snapshot>> {
        match self.0.recv_timeout(patience) {
            Ok(taken) => Some(taken),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Err(anyhow!("the thread that makes it has ended"))),
        }
    }

    /// Whether it is still being made.
    pub(super) fn is_under_way(&self) -> bool {
        self.wait(Duration::ZERO).is_none()
    }
}

impl Live {
    /// Tells of the sockets that were there before, and of what happened while they were listed.
    pub(in crate::app) fn tell_existing(&mut self) -> Result<()> {
        // Told as of now: what changes while the list is made comes as events.
        let at = self.clock.now();
        let taken = self.list(ALL);
        if taken.is_ok() {
            self.tracker.set_requests_known_from(self.clock.now().mono_ns);
        }
        self.gather_until_now();
        self.losses.came();
        self.sort();
        for observation in &self.events {
            if let RawEvent::Fork(fork) = observation {
                self.tracker.process_tree().fork(fork);
            }
        }
        let found = match taken {
            Ok(snapshot) => {
                for warning in &snapshot.warnings {
                    log::warn!("{warning}");
                }
                self.wanted(snapshot.sockets)
            }
            Err(error) => {
                log::warn!("sockets that were there before are not shown: {error:#}");
                Vec::new()
            }
        };
        // Before the first event since the hook was attached: what was there was there before that.
        let at = self.events.first().map_or(at, |event| at.min(self.clock.at(event.mono_ns())));
        let since: Vec<_> = self.events.iter().filter_map(RawEvent::state_change).cloned().collect();
        for found in merge(found, &since, &begun_requests(&self.events)) {
            self.tracker.add_existing(at, &found, &mut self.records);
            if self.records.len() >= AT_ONCE {
                self.hand_on()?;
                self.read_ahead();
            }
        }
        self.tell(at)?;
        memory::trim_allocator();
        Ok(())
    }

    /// Has a list made, and reads meanwhile what happens, to be held against it.
    pub(super) fn list(&mut self, options: Options) -> Result<Snapshot> {
        let list = Listing::begin(options)?;
        loop {
            if let Some(taken) = list.wait(TICK) {
                return taken;
            }
            self.gather_all();
        }
    }

    /// Of the listed sockets those that were asked for; and listeners, which tell whose their children are, also where
    /// they are not shown themselves.
    pub(super) fn wanted(&self, sockets: Vec<dumped::DumpedSocket>) -> Vec<SocketInfo> {
        let filter = self.story.filter();
        let is_wanted =
            |found: &dumped::DumpedSocket| found.state == TcpState::Listen || filter.concerns(found);
        sockets.into_iter().filter(is_wanted).map(SocketInfo::from).collect()
    }

    /// When to ask for a list of stand-ins: not at all if every one of them tells of itself.
    pub(super) fn next_look(&mut self) -> Option<Instant> {
        if !self.tracker.has_unwatched() {
            self.next_look = None;
            return None;
        }
        Some(*self.next_look.get_or_insert_with(|| Instant::now() + STAND_IN_CHECK))
    }

    /// Asks the kernel what became of stand-ins that no hook tells of.
    ///
    /// # Errors
    /// Those of the output: what happens meanwhile is told.
    pub(super) fn look_at_stand_ins(&mut self) -> Result<()> {
        let (asked, began) = (self.clock.now(), Instant::now());
        let options = Options { scope: Scope::Everywhere, states: States::Minisockets, owners: false };
        let taken = match Listing::begin(options) {
            Ok(list) => {
                let mut patience = TICK;
                loop {
                    if let Some(taken) = list.wait(patience) {
                        break taken;
                    }
                    let now = self.clock.now();
                    let records = self.next_batch();
                    self.tell(now)?;
                    self.losses.came();
                    // Not while there is more to do than to wait.
                    patience = if records >= BATCH { Duration::ZERO } else { TICK };
                }
            }
            Err(error) => Err(error),
        };
        match taken {
            Ok(snapshot) => {
                let listed: Vec<_> = snapshot.sockets.into_iter().map(SocketInfo::from).collect();
                let at = self.clock.now();
                self.tracker.apply_minisocket_dump(asked, at, &listed, &mut self.records);
            }
            Err(error) => log::warn!("what became of stand-ins is not known: {error:#}"),
        }
        // A list that takes long is not asked for more often than it is worth.
        self.next_look = Some(Instant::now() + STAND_IN_CHECK.max(began.elapsed() * 20));
        Ok(())
    }

    /// What the kernel lists now, by cookie.
    pub(super) fn what_is_left(&self) -> Option<HashMap<u64, Listed>> {
        if self.story.table.told() == 0 || self.story.table.drains_closed() {
            return None;
        }
        let snapshot = snapshot::take(Options { owners: false, ..ALL })
            .inspect_err(|error| log::warn!("what became of the sockets is not known: {error:#}"))
            .ok()?;
        let listed = snapshot.sockets.iter().map(|found| {
            let expires = found.timer.map(|timer| timer.expires);
            (found.cookie, Listed { state: found.state, expires })
        });
        Some(listed.collect())
    }
}
