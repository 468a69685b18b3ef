//! The loop: wait, drain, follow, tell. Nothing in it blocks but the output itself; while a list of sockets is made it reads.

mod lists;
mod losses;
mod reading;

use std::{collections::HashMap, io, time::Duration};

use anyhow::{Context as _, Result};
use tokio::{
    task::yield_now,
    time::{Instant, sleep, sleep_until},
};

use super::{
    cgroups::Hierarchy,
    clock::Clock,
    command::{Command, Outcome},
    signals::Signals,
    story::Story,
    stuck::Watcher,
};
use crate::{
    event::{RawEvent, Timers},
    probe::{Attached, Counted, Extra, GATHERING, Pacing, TICK},
    record::{Record, Totals},
    render::Listed,
    snapshot,
    stuck::Limits,
    time::Moment,
    tracker::{Tracker, TrackerConfig},
};
use lists::ALL;
use losses::Losses;
use reading::Ahead;

/// So many records are told at a time, and so much room is kept for what is gathered: a burst, or a list of all sockets, would
/// take more of it than all that a trace keeps of the sockets.
const AT_ONCE: usize = 1_024;
const GATHERED: usize = 8_192;

/// Why a trace ended.
#[derive(Debug)]
pub(super) enum Stop {
    /// SIGINT, SIGTERM, or SIGHUP.
    Signal,
    /// The time is over.
    Time,
    /// As much was shown as was asked for.
    Count,
    /// The command that was traced is over.
    Command(Outcome),
}

/// A trace that runs.
pub(super) struct Live {
    attached: Attached,
    tracker: Tracker,
    hierarchy: Hierarchy,
    pub(super) clock: Clock,
    pub(super) story: Story,
    events: Vec<RawEvent>,
    ahead: Ahead,
    timers: Timers,
    records: Vec<Record>,
    losses: Losses,
    next_look: Option<Instant>,
    watcher: Option<Watcher>,
}

/// What is left to say at the end.
pub(super) struct Ended {
    pub(super) totals: Totals,
    pub(super) listed: Option<HashMap<u64, Listed>>,
}

impl Live {
    pub(super) fn new(attached: Attached, mut clock: Clock, story: Story, limits: Option<Limits>) -> Self {
        let sees_stand_ins = attached.extras.contains(&Extra::Minisockets);
        let mut tracker =
            Tracker::new(TrackerConfig { minisocket_timers: sees_stand_ins, periodic_dumps: true });
        if sees_stand_ins {
            tracker.set_minisockets_known_from(clock.now().mono_ns);
        }
        Self {
            attached,
            tracker,
            hierarchy: Hierarchy::default(),
            clock,
            story,
            events: Vec::new(),
            ahead: Ahead::default(),
            timers: Timers::default(),
            records: Vec::new(),
            losses: Losses::new(),
            next_look: None,
            watcher: limits.map(Watcher::new),
        }
    }

    /// Takes in the processes that were asked for, and with `descendants` theirs.
    pub(super) fn ask_for(&mut self, pids: &[u32], descendants: bool) {
        let family = self.tracker.process_tree();
        pids.iter().for_each(|pid| family.track(*pid));
        if descendants {
            family.track_descendants(&snapshot::parents());
        }
    }

    /// Traces until something ends it.
    pub(super) async fn run(
        &mut self,
        signals: &mut Signals,
        duration: Option<Duration>,
        command: Option<&mut Command>,
    ) -> Result<Stop> {
        let end = duration.map(|duration| Instant::now() + duration);
        let time_is_over = until(end);
        tokio::pin!(time_is_over);
        let command_is_over = async {
            match command {
                Some(command) => command.ended().await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(command_is_over);
        let reader_is_gone = self.story.out.reader_is_gone();
        tokio::pin!(reader_is_gone);
        let reopen = signals.reopen();
        let mut pacing = Pacing::default();
        loop {
            if self.story.is_enough() {
                return Ok(Stop::Count);
            }
            let next_look = self.next_look();
            let next_losses = self.losses.next();
            let next_stuck = self.watcher.as_ref().and_then(|watcher| watcher.next(&mut self.clock));
            tokio::select! {
                biased;
                _ = signals.received() => return Ok(Stop::Signal),
                () = reopen.notified() => {
                    self.story.out.reopen();
                    continue;
                }
                outcome = &mut command_is_over => return Ok(Stop::Command(outcome)),
                () = &mut time_is_over => return Ok(Stop::Time),
                () = &mut reader_is_gone => return Err(io::Error::from(io::ErrorKind::BrokenPipe).into()),
                waited = self.wait(pacing) => waited?,
                () = until(next_look) => self.look_at_stand_ins()?,
                () = until(next_stuck) => {}
                () = until(next_losses) => {}
            }
            // What is due now is so only if nothing in the buffer says otherwise.
            let now = self.clock.now();
            let records = self.next_batch();
            self.tell(now)?;
            if self.ahead.is_empty() {
                self.tell_stuck(now)?;
            }
            self.look_for_losses(records > 0)?;
            let waits = self.timers.is_waiting() || !self.ahead.is_empty();
            pacing = pacing.after(records, self.attached.reader.is_asked(), waits);
        }
    }

    /// Ends the trace: detach, drain, account, and ask the kernel what is left of the sockets.
    pub(super) fn finish(&mut self, stop: &Stop) -> Result<Ended> {
        log::info!("ending: {stop:?}; {} sockets open", self.tracker.open_sockets());
        self.attached.detach();
        let now = self.clock.now();
        loop {
            let records = self.next_batch();
            self.tell(now)?;
            if records == 0 {
                break;
            }
        }
        self.timers.finish(&mut self.events);
        self.follow()?;
        self.tracker.finish(&mut self.records);
        self.hand_on()?;
        self.tell_lost()?;
        let now = self.clock.now();
        self.story.finish(now).context("write")?;
        let counted = self.attached.accounting.read()?;
        log::info!("{} events came while another one was being recorded", counted.inside);
        let told = self.story.totals();
        let totals = Totals {
            seen: self.seen(&counted),
            shown: told.shown,
            filtered: told.filtered + counted.filtered,
            lost: counted.ring_full + counted.lost_notes + counted.recursion + self.losses.undecodable,
        };
        let accounted = totals.shown + totals.filtered + totals.lost;
        if totals.seen != accounted {
            log::warn!("{} events seen, but {accounted} accounted for: please report this", totals.seen);
        }
        Ok(Ended { totals, listed: self.what_is_left() })
    }

    /// A step that the kernel does not report is one more; one that is reported after it was told is not.
    fn seen(&self, counted: &Counted) -> u64 {
        (counted.seen + counted.recursion + counted.lost_notes).saturating_add_signed(self.tracker.extra())
    }

    async fn wait(&mut self, pacing: Pacing) -> Result<()> {
        match pacing {
            Pacing::Now => yield_now().await,
            Pacing::Tick => sleep(TICK).await,
            Pacing::Ask => self.attached.reader.ask_to_be_woken()?,
            Pacing::Sleep => {
                self.attached.reader.woken().await?;
                sleep(GATHERING).await;
            }
        }
        Ok(())
    }

    /// Follows what was gathered of what happened before `now`, and tells it.
    fn tell(&mut self, now: Moment) -> Result<()> {
        self.look_for_lost_notes()?;
        self.sort();
        let until = self.complete_until(now);
        self.timers.fold(&mut self.events, until);
        self.follow()
    }

    /// Lets the tracker follow what was gathered, and tells what it makes of it; meanwhile more is read.
    fn follow(&mut self) -> Result<()> {
        let mut events = std::mem::take(&mut self.events);
        for (i, observation) in events.drain(..).enumerate() {
            let Self { attached, tracker, hierarchy, clock, records, .. } = self;
            let reason = |number| attached.reset_reason(number);
            let at = clock.at(observation.mono_ns());
            match observation {
                RawEvent::StateChange(event) => {
                    hierarchy.tell(tracker, &event);
                    tracker.apply(at, &event, records);
                }
                RawEvent::Accept(accept) => tracker.apply_accept(&accept),
                RawEvent::Fork(fork) => tracker.process_tree().fork(&fork),
                RawEvent::SocketEvent(note) => {
                    log::trace!("{note:?}");
                    tracker.apply_socket_event(at, &note, reason, records);
                }
            }
            if self.records.len() >= AT_ONCE || i % AT_ONCE == AT_ONCE - 1 {
                self.hand_on()?;
                self.read_ahead();
            }
        }
        events.shrink_to(GATHERED);
        self.events = events;
        self.hand_on()
    }

    /// Hands on what is to be told.
    fn hand_on(&mut self) -> Result<()> {
        if let Some(watcher) = &mut self.watcher {
            self.records.iter().for_each(|record| watcher.follow(record));
        }
        if !self.records.is_empty() {
            self.story.tell(&mut self.records).context("write")?;
            self.story.flush().context("write")?;
            self.records.shrink_to(GATHERED);
        }
        Ok(())
    }

    /// Tells of sockets that stay too long in their state.
    fn tell_stuck(&mut self, now: Moment) -> Result<()> {
        let Self { watcher, tracker, .. } = self;
        let stuck = watcher.as_mut().map_or_else(Vec::new, |watcher| watcher.due(now, tracker));
        if stuck.is_empty() {
            return Ok(());
        }
        let began = Instant::now();
        let listed = self.list(ALL);
        if let Some(watcher) = &mut self.watcher {
            watcher.confirm(stuck, listed, began.elapsed(), &mut self.records);
        }
        self.hand_on()
    }
}

/// Waits for a moment, or for ever.
async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
