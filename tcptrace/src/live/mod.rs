//! The rim of a live trace: the kernel's buffer, its counters, dumps of sockets and the clock, as the session wants them.
//! Nothing in it blocks but the destination itself.

mod cgroups;
mod clock;
mod dump;
mod finish;
mod place;

use std::future::pending;

use anyhow::Result;
use tokio::{
    task::yield_now,
    time::{Instant, sleep, sleep_until},
};

use crate::{
    cgroup::Cgroups,
    event::{RawEvent, StateChange},
    filter::Filter,
    memory,
    pipeline::Pipeline,
    probe::{self, Attached, Extra, Reader, Settings},
    record::{Record, Start, Unseen},
    session::{AT_ONCE, Config, Dump, DumpRequest, GATHERING, Lookup, Pacing, Session, TICK},
    snapshot,
    stuck::Limits,
    time::Moment,
};
use cgroups::Hierarchy;
pub(crate) use clock::Clock;
use dump::DumpThread;
pub(crate) use place::has_own_pids;

/// Capacity that is kept for records, in records: a dump of all sockets takes more of it.
const KEPT: usize = 8 * AT_ONCE;

/// Destination of the records of a live trace.
pub(crate) trait Destination<'o> {
    /// Emits records, empties the vector, and hands on what is buffered.
    ///
    /// # Errors
    /// When nobody takes them any more.
    fn hand_on(&mut self, records: &mut Vec<Record>) -> Result<()>;

    /// The pipeline that they go through.
    fn pipeline(&mut self) -> &mut Pipeline<'o>;
}

impl<'o> Destination<'o> for Pipeline<'o> {
    fn hand_on(&mut self, records: &mut Vec<Record>) -> Result<()> {
        self.emit(records);
        self.flush();
        Ok(())
    }

    fn pipeline(&mut self) -> &mut Self {
        self
    }
}

/// A trace that is attached to the running kernel.
pub(crate) struct Live {
    attached: Attached,
    session: Session,
    hierarchy: Hierarchy,
    /// Whether the process ids of `/proc` are those of events. Asked once: a confined trace may not look.
    has_owners: bool,
    clock: Clock,
    records: Vec<Record>,
    dump: Option<DumpThread>,
    pacing: Pacing,
}

/// Result of a wait: the dump that was made meanwhile, if any.
pub(crate) struct Woken {
    made: Option<(DumpRequest, Result<Dump>)>,
}

impl Live {
    /// Attaches to the kernel. To be called inside a runtime.
    pub(crate) fn attach(settings: &Settings, filter: Filter, stuck: Option<Limits>) -> Result<Self> {
        let attached = probe::attach(settings)?;
        warn_of_missing(&attached);
        let mut clock = Clock::new();
        let has_owners = !has_own_pids();
        let minisocket_timers = attached.extras.contains(&Extra::Minisockets);
        let config = Config { filter, minisocket_timers, stuck };
        Ok(Self {
            session: Session::new(config, clock.now()),
            attached,
            hierarchy: Hierarchy::new(has_owners),
            has_owners,
            clock,
            records: Vec::new(),
            dump: None,
            pacing: Pacing::default(),
        })
    }

    /// Tracks the processes that were asked for, and with `descendants` theirs.
    pub(crate) fn track(&mut self, pids: &[u32], descendants: bool) {
        let processes = if descendants { snapshot::parents() } else { Vec::new() };
        self.session.track_processes(pids, &processes);
    }

    /// The first record of the trace: what it sees, and what it does not.
    pub(crate) fn start(&mut self, filter: String) -> Record {
        let Self { attached, clock, .. } = self;
        let unseen =
            |(extra, why): &(Extra, String)| Unseen { what: extra.name().to_owned(), why: why.clone() };
        Record::Start(Start {
            at: clock.now(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            probe: attached.hook.name().to_owned(),
            fallback: attached.refused.as_ref().map(|refusal| refusal.why.clone()),
            kernel: kernel_release(),
            filter,
            sees: attached.extras.iter().map(|extra| extra.name().to_owned()).collect(),
            unseen: attached.missing.iter().map(unseen).collect(),
        })
    }

    /// Whether the sockets that existed before the trace were emitted, or are about to be.
    pub(crate) fn has_begun(&self) -> bool {
        self.session.has_begun()
    }

    /// Waits until there is something to do. Nothing is lost where the wait is given up.
    pub(crate) async fn wait(&mut self) -> Result<Woken> {
        let deadline = self.session.deadline().map(|at| Instant::now() + self.clock.until(at));
        let Self { attached, dump, pacing, .. } = self;
        tokio::select! {
            biased;
            made = DumpThread::made(dump) => Ok(Woken { made: Some(made) }),
            waited = wait(&mut attached.reader, *pacing) => waited.map(|()| Woken { made: None }),
            () = sleep_until_if(deadline) => Ok(Woken { made: None }),
        }
    }

    /// Does what there is to do after a wait: takes in a dump, follows a batch of events, looks for losses, requests a dump.
    pub(crate) fn take_turn<'o>(&mut self, woken: Woken, to: &mut impl Destination<'o>) -> Result<()> {
        let is_large = matches!(woken.made, Some((DumpRequest::Everything { .. }, _)));
        if let Some((_, dump)) = woken.made {
            self.take_dump(dump, to)?;
        }
        let records = self.step(to)?;
        self.look(to)?;
        if is_large {
            memory::trim_allocator();
        }
        let is_asked = self.attached.reader.is_asked();
        self.pacing = self.pacing.after(records, is_asked, self.session.is_waiting());
        Ok(())
    }

    /// Reads what there is, and follows a batch of it; says how many records that are.
    fn step<'o>(&mut self, to: &mut impl Destination<'o>) -> Result<usize> {
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
            self.hand_on(to)?;
            if !is_left {
                return Ok(count);
            }
            self.read_ahead();
        }
    }

    /// Looks for what was lost, and begins a dump, as far as that is due.
    fn look<'o>(&mut self, to: &mut impl Destination<'o>) -> Result<()> {
        let now = self.clock.now();
        if self.session.wants_counters(now) {
            let counted = self.attached.accounting.read()?;
            self.session.on_counters(now, counted, &mut self.records);
            self.hand_on(to)?;
        }
        if let Some(request) = self.session.request_dump(now) {
            match DumpThread::begin(request, self.has_owners) {
                Ok(thread) => self.dump = Some(thread),
                Err(error) => self.take_dump(Err(error), to)?,
            }
        }
        Ok(())
    }

    /// Hands the session a dump, with what has happened while it was made.
    fn take_dump<'o>(&mut self, dump: Result<Dump>, to: &mut impl Destination<'o>) -> Result<()> {
        let now = self.clock.now();
        self.read_until(now);
        self.session.on_dump(now, dump, &mut self.records);
        self.hand_on(to)
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

    /// Emits the records that there are.
    fn hand_on<'o>(&mut self, to: &mut impl Destination<'o>) -> Result<()> {
        if !self.records.is_empty() {
            to.hand_on(&mut self.records)?;
            self.records.shrink_to(KEPT);
        }
        Ok(())
    }
}

/// Host that is traced, for lookups while events are followed.
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
async fn sleep_until_if(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => pending().await,
    }
}

/// Warns of what was refused by the kernel though it was asked for.
fn warn_of_missing(attached: &Attached) {
    if let Some(refusal) = &attached.refused {
        log::warn!("{}; using the classic tracepoint instead", refusal.why);
    }
    for (extra, why) in &attached.missing {
        match extra {
            Extra::Forks => log::warn!("descendants made from now on are not traced: {why}"),
            Extra::AcceptCalls => log::warn!("who accepts is not seen: {why}"),
            _ => log::info!("not seen: {}: {why}", extra.name()),
        }
    }
}

/// Release of the running kernel, like `6.18.44`.
pub(crate) fn kernel_release() -> String {
    rustix::system::uname().release().to_string_lossy().into_owned()
}
