//! What to do about losses: notice them, tell of them, and ask the kernel for its list of sockets to go on from the truth.

use anyhow::{Context as _, Result};
use tokio::time::{Duration, Instant};

use super::{
    Live,
    lists::{ALL, Listing},
};
use crate::{
    memory,
    probe::{BATCH, Counted, TICK},
    record::{Loss, Lost, Record},
    snapshot::{self, Snapshot},
    tracker::SockDiagDump,
};

/// A list is given up if so many records come while it is made, and so many a second. To hold a list of a hundred thousand
/// sockets against what has happened takes a tenth of a second, twice that beside a flood; meanwhile nobody reads.
const AT_LIST: usize = 4 * BATCH;
const FLOOD: u128 = 100_000;

/// A list waits until nothing more is lost for [`CHECK`], so that it is not made, and read, while there is no time for it;
/// but no longer than this.
const PATIENCE: Duration = Duration::from_secs(2);

/// A note and the event that belongs to it come within this time, nanoseconds: a thread may lose its CPU between the two.
const APART: u64 = 1_000_000_000;

/// How often to look whether events were lost.
const CHECK: Duration = Duration::from_millis(100);

/// No list is asked for sooner after the one before.
const BETWEEN_LISTS: Duration = Duration::from_secs(1);

/// Nor sooner than this many times as long as the one before took: a twentieth of the time at most.
const WORTH: u32 = 20;

/// A request lives no longer, nanoseconds: six SYN+ACKs, each after twice as long (`tcp_synack_retries`, 5).
const REQUEST_LIVES: u64 = 64_000_000_000;

/// What is known of losses, and when to do something about them.
pub(super) struct Losses {
    /// Records that could not be read.
    pub(super) undecodable: u64,
    /// Notes that were lost, as the last batch found it.
    notes: u64,
    told: Counted,
    told_undecodable: u64,
    checked: Instant,
    next_check: Option<Instant>,
    /// When to ask for a list, and when at the latest; none while nothing is missing.
    next_list: Option<Instant>,
    last_list_due: Instant,
    no_list_before: Instant,
    /// A list that was given up: no other one is begun before it is there.
    given_up: Option<Listing>,
}

impl Losses {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self {
            undecodable: 0,
            notes: 0,
            told: Counted::default(),
            told_undecodable: 0,
            checked: now,
            next_check: None,
            next_list: None,
            last_list_due: now,
            no_list_before: now,
            given_up: None,
        }
    }

    /// Something has come, so something may have been lost.
    pub(super) fn came(&mut self) {
        self.next_check.get_or_insert(self.checked + CHECK);
    }

    /// A list is wanted: when nothing more is lost, but not too late.
    fn want_list(&mut self, sooner: Instant) {
        if self.next_list.is_none() {
            self.last_list_due = self.no_list_before.max(Instant::now() + PATIENCE);
        }
        self.next_list = Some(self.no_list_before.max(sooner).min(self.last_list_due));
    }

    /// When there is something to do; none while nothing happens.
    pub(super) fn next(&self) -> Option<Instant> {
        self.next_check.into_iter().chain(self.next_list).min()
    }
}

impl Live {
    /// Does what is due. Where nothing `came`, nothing was lost: there was room.
    pub(super) fn look_for_losses(&mut self, came: bool) -> Result<()> {
        let (losses, now) = (&mut self.losses, Instant::now());
        if came {
            losses.came();
        }
        if losses.next_check.is_some_and(|due| due <= now) {
            (losses.next_check, losses.checked) = (None, now);
            self.tell_lost()?;
            self.story.flush().context("write")?;
        }
        if self.losses.next_list.is_some_and(|due| due <= now) && self.ahead.is_empty() {
            self.repair()?;
        }
        Ok(())
    }

    /// Tells of events that were lost since the last time, and whether there were any.
    pub(super) fn tell_lost(&mut self) -> Result<bool> {
        let mut now = self.attached.accounting.read()?;
        let losses = &mut self.losses;
        // What was skipped is read before what was made good, so it may shrink for a moment.
        now.recursion = now.recursion.max(losses.told.recursion);
        let before = std::mem::replace(&mut losses.told, now);
        let undecodable =
            losses.undecodable - std::mem::replace(&mut losses.told_undecodable, losses.undecodable);
        let at = self.clock.now();
        let mut any = false;
        for (count, reason) in [
            (now.ring_full + now.lost_notes - before.ring_full - before.lost_notes, Loss::RingFull),
            (now.recursion - before.recursion, Loss::Recursion),
            (undecodable, Loss::Undecodable),
        ] {
            if count > 0 {
                any = true;
                self.story.announce(&Record::Lost(Lost { at, count, reason })).context("write")?;
            }
        }
        if any {
            // The beginning of a request may be among what was lost.
            self.tracker.set_requests_known_from(at.mono_ns + REQUEST_LIVES);
            // A burst takes its time, and a list that is older than its end is worth little.
            self.losses.want_list(Instant::now() + CHECK);
        }
        Ok(any)
    }

    /// Where notes were lost, a minisocket or a request that was not seen may have been there all the same. Asked for each batch,
    /// before it is followed: what is concluded from there being none would be wrong.
    pub(super) fn look_for_lost_notes(&mut self) -> Result<()> {
        if self.events.is_empty() {
            return Ok(());
        }
        let lost = self.attached.accounting.lost_notes()?;
        if std::mem::replace(&mut self.losses.notes, lost) != lost {
            let now = self.clock.now().mono_ns;
            self.tracker.set_minisockets_known_from(now + APART);
            self.tracker.set_requests_known_from(now + REQUEST_LIVES);
        }
        Ok(())
    }

    /// After a write that failed: says how much is missing from the output.
    pub(in crate::app) fn tell_unwritten(&mut self) {
        self.attached.detach();
        let (lines, told) = (self.story.out.unwritten(), self.story.totals());
        let Ok(counted) = self.attached.accounting.read() else { return };
        let untold = self.seen(&counted).saturating_sub(told.shown + told.filtered + counted.filtered);
        log::warn!("the output lacks {lines} lines, and {untold} events that came after them");
    }

    /// None where so much happens meanwhile that it is given up.
    fn list_unless_too_much_happens(&mut self) -> Result<Option<Snapshot>> {
        let (list, began) = (Listing::begin(ALL)?, Instant::now());
        loop {
            if let Some(taken) = list.wait(TICK) {
                return taken.map(Some);
            }
            let came = self.events.len();
            if came > AT_LIST && came as u128 * 1_000 > FLOOD * began.elapsed().as_millis() {
                self.losses.given_up = Some(list);
                return Ok(None);
            }
            self.gather_all();
        }
    }

    /// Asks the kernel for its list of sockets, and lets the tracker go on from there.
    fn repair(&mut self) -> Result<()> {
        let (asked, began) = (self.clock.now(), Instant::now());
        self.losses.next_list = None;
        if self.losses.given_up.as_ref().is_some_and(Listing::is_under_way) {
            self.losses.no_list_before = began + BETWEEN_LISTS;
            self.losses.want_list(began);
            return Ok(());
        }
        let taken = self.list_unless_too_much_happens();
        let losses = &mut self.losses;
        losses.no_list_before = Instant::now() + BETWEEN_LISTS.max(began.elapsed() * WORTH);
        let snapshot = match taken {
            Ok(Some(snapshot)) => snapshot,
            Ok(None) => {
                log::info!("gave up a list of sockets: too much happened while it was made");
                losses.want_list(began);
                return Ok(());
            }
            Err(error) => {
                log::warn!("what happened to the sockets while events were lost is not known: {error:#}");
                return Ok(());
            }
        };
        let listed_by = self.gather_until_now();
        if self.story.filter().children {
            // Forks may be among what was lost too.
            self.tracker.process_tree().track_descendants(&snapshot::parents());
        }
        let list = SockDiagDump {
            requested_at: asked,
            sockets: self.wanted(snapshot.sockets),
            namespaces: snapshot.namespaces,
        };
        let mut since: Vec<_> = self.timers.waiting().iter().chain(&self.events).cloned().collect();
        since.sort_by_key(crate::event::RawEvent::mono_ns);
        self.tracker.repair(list, &since, &mut self.records);
        self.tell(listed_by)?;
        if !self.tell_lost()? {
            // Every request that there is was listed, or has been seen since.
            self.tracker.set_requests_known_from(listed_by.mono_ns);
        }
        memory::trim_allocator();
        self.story.flush().context("write")
    }
}
