//! The rim of a live trace: the kernel's buffer, its counters, dumps of sockets, the clock and signals, as the session wants
//! them. Nothing in it blocks but the output itself.

mod dump;
mod finish;

use std::{
    future::pending,
    io,
    pin::{Pin, pin},
    time::Duration,
};

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
};
use crate::{
    cgroup::Cgroups,
    event::{RawEvent, StateChange},
    memory,
    probe::{Attached, Extra, Reader},
    record::Record,
    session::{AT_ONCE, Config, Dump, DumpRequest, GATHERING, Lookup, Pacing, Session, TICK},
    snapshot,
    stuck::Limits,
    time::Moment,
};
use dump::DumpThread;

/// Room that is kept for records: a dump of all sockets takes more of it.
const KEPT: usize = 8 * AT_ONCE;

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
    session: Session,
    hierarchy: Hierarchy,
    pub(super) clock: Clock,
    pub(super) story: Story,
    records: Vec<Record>,
    dump: Option<DumpThread>,
    pacing: Pacing,
    reader_is_gone: Pin<Box<dyn Future<Output = ()>>>,
    /// What has ended it.
    stop: Option<Stop>,
}

impl Live {
    pub(super) fn new(attached: Attached, mut clock: Clock, story: Story, stuck: Option<Limits>) -> Self {
        let config = Config {
            filter: story.filter().clone(),
            minisocket_timers: attached.extras.contains(&Extra::Minisockets),
            stuck,
        };
        Self {
            session: Session::new(config, clock.now()),
            attached,
            hierarchy: Hierarchy::default(),
            clock,
            reader_is_gone: Box::pin(story.out.reader_is_gone()),
            story,
            records: Vec::new(),
            dump: None,
            pacing: Pacing::default(),
            stop: None,
        }
    }

    /// Takes in the processes that were asked for, and with `descendants` theirs.
    pub(super) fn ask_for(&mut self, pids: &[u32], descendants: bool) {
        let processes = if descendants { snapshot::parents() } else { Vec::new() };
        self.session.track_processes(pids, &processes);
    }

    /// Tells of the sockets that were there before. A signal ends that, and then the trace.
    pub(super) async fn tell_existing(&mut self, signals: &mut Signals) -> Result<()> {
        let mut over = pin!(pending());
        while self.stop.is_none() && !self.session.has_begun() {
            self.stop = self.turn(signals, over.as_mut()).await?;
        }
        Ok(())
    }

    /// Traces until something ends it.
    pub(super) async fn run(
        &mut self,
        signals: &mut Signals,
        duration: Option<Duration>,
        command: Option<&mut Command>,
    ) -> Result<Stop> {
        let time_is_over = until(duration.map(|duration| Instant::now() + duration));
        let command_is_over = async {
            match command {
                Some(command) => command.ended().await,
                None => pending().await,
            }
        };
        let mut over = pin!(async {
            tokio::select! {
                biased;
                outcome = command_is_over => Stop::Command(outcome),
                () = time_is_over => Stop::Time,
            }
        });
        loop {
            if let Some(stop) = self.stop.take() {
                return Ok(stop);
            }
            if self.story.is_enough() {
                return Ok(Stop::Count);
            }
            self.stop = self.turn(signals, over.as_mut()).await?;
        }
    }

    /// Waits until there is something to do, and does it; or says what ends the trace.
    async fn turn(
        &mut self,
        signals: &mut Signals,
        over: Pin<&mut impl Future<Output = Stop>>,
    ) -> Result<Option<Stop>> {
        let deadline = self.session.deadline().map(|at| Instant::now() + self.clock.until(at));
        let reopen = signals.reopen();
        let Self { attached, dump, reader_is_gone, pacing, .. } = self;
        let dumped = tokio::select! {
            biased;
            _ = signals.received() => return Ok(Some(Stop::Signal)),
            () = reopen.notified() => {
                self.story.out.reopen();
                return Ok(None);
            }
            stop = over => return Ok(Some(stop)),
            () = reader_is_gone => return Err(io::Error::from(io::ErrorKind::BrokenPipe).into()),
            dumped = DumpThread::made(dump) => Some(dumped),
            waited = wait(&mut attached.reader, *pacing) => waited.map(|()| None)?,
            () = until(deadline) => None,
        };
        let everything = matches!(dumped, Some((DumpRequest::Everything { .. }, _)));
        if let Some((_, dump)) = dumped {
            self.take_dump(dump)?;
        }
        let records = self.step()?;
        self.look()?;
        if everything {
            memory::trim_allocator();
        }
        let is_asked = self.attached.reader.is_asked();
        self.pacing = self.pacing.after(records, is_asked, self.session.is_waiting());
        Ok(None)
    }

    /// Reads what there is, and follows a batch of it; says how many records that are.
    fn step(&mut self) -> Result<usize> {
        // What is due now is so only if nothing in the buffer says otherwise.
        let now = self.clock.now();
        self.read_ahead();
        let count = self.session.next_batch(now);
        if count > 0 {
            self.session.on_lost_notes(self.clock.now(), self.attached.accounting.lost_notes()?);
        }
        loop {
            let Self { attached, session, hierarchy, records, .. } = self;
            let is_left = session.advance(&mut Host { attached, hierarchy }, records);
            self.hand_on()?;
            if !is_left {
                return Ok(count);
            }
            self.read_ahead();
        }
    }

    /// Looks for what was lost, and begins a dump, as far as that is due.
    fn look(&mut self) -> Result<()> {
        let now = self.clock.now();
        if self.session.wants_counters(now) {
            let counted = self.attached.accounting.read()?;
            self.session.on_counters(now, counted, &mut self.records);
            self.hand_on()?;
        }
        if let Some(request) = self.session.request_dump(now) {
            match DumpThread::begin(request) {
                Ok(thread) => self.dump = Some(thread),
                Err(error) => self.take_dump(Err(error))?,
            }
        }
        Ok(())
    }

    /// Hands the session a dump, with what has happened while it was made.
    fn take_dump(&mut self, dump: Result<Dump>) -> Result<()> {
        let now = self.clock.now();
        self.read_until(now);
        self.session.on_dump(now, dump, &mut self.records);
        self.hand_on()
    }

    /// Empties the kernel's buffer, as long as not too much waits here already.
    fn read_ahead(&mut self) {
        let Self { attached, session, .. } = self;
        loop {
            let room = session.room();
            if attached.reader.drain(room, |record| session.read(record)) < room.max(1) {
                break;
            }
        }
        if let Some(messages) = &mut attached.messages {
            messages.flush();
        }
    }

    /// Reads what has happened by `now`, and not until there is nothing left: under a flood there always is.
    fn read_until(&mut self, now: Moment) {
        let Self { attached, session, .. } = self;
        let mut last = 0;
        while last <= now.mono_ns {
            let count = attached.reader.drain(session.room(), |record| {
                last = record.as_ref().map_or(last, RawEvent::mono_ns);
                session.read(record);
            });
            if count == 0 {
                break;
            }
        }
    }

    /// Hands on what is to be told.
    fn hand_on(&mut self) -> Result<()> {
        if !self.records.is_empty() {
            self.story.tell(&mut self.records).context("write")?;
            self.story.flush().context("write")?;
            self.records.shrink_to(KEPT);
        }
        Ok(())
    }
}

/// What following an event asks the host that is traced.
struct Host<'a> {
    attached: &'a Attached,
    hierarchy: &'a mut Hierarchy,
}

impl Lookup for Host<'_> {
    fn learn_cgroup(&mut self, event: &StateChange, cgroups: &mut Cgroups) {
        self.hierarchy.learn(event, cgroups);
    }

    fn reset_reason(&self, number: u32) -> Option<String> {
        self.attached.reset_reason(number)
    }
}

/// Waits before the next drain.
async fn wait(reader: &mut Reader, pacing: Pacing) -> Result<()> {
    match pacing {
        Pacing::Now => yield_now().await,
        Pacing::Tick => sleep(TICK).await,
        Pacing::Ask => reader.ask_to_be_woken()?,
        Pacing::Sleep => {
            reader.woken().await?;
            sleep(GATHERING).await;
        }
    }
    Ok(())
}

/// Waits for a moment, or for ever.
async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => pending().await,
    }
}
