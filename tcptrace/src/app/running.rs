//! A trace that runs: the live trace, the way out, and all that can end it.

use std::{future::pending, time::Duration};

use anyhow::{Context as _, Result};
use tokio::time::sleep;

use super::{
    command::{Command, Outcome},
    emission::Emission,
    signals::Signals,
};
use crate::live::Live;

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
pub(super) struct Running {
    pub(super) live: Live,
    pub(super) emission: Emission,
    /// Reason for which the trace ended before all existing sockets were emitted.
    stopped: Option<Stop>,
}

impl Running {
    pub(super) const fn new(live: Live, emission: Emission) -> Self {
        Self { live, emission, stopped: None }
    }

    /// Emits the sockets that exist already. A signal ends that, and then the trace.
    pub(super) async fn emit_existing(&mut self, signals: &mut Signals) -> Result<()> {
        self.stopped = self.trace(signals, pending(), Live::has_begun).await?;
        Ok(())
    }

    /// Traces until something ends it.
    pub(super) async fn run(
        &mut self,
        signals: &mut Signals,
        duration: Option<Duration>,
        command: Option<&mut Command>,
    ) -> Result<Stop> {
        let command_is_over = async {
            match command {
                Some(command) => command.ended().await,
                None => pending().await,
            }
        };
        let time_is_over = async {
            match duration {
                Some(duration) => sleep(duration).await,
                None => pending().await,
            }
        };
        let over = async {
            tokio::select! {
                biased;
                outcome = command_is_over => Stop::Command(outcome),
                () = time_is_over => Stop::Time,
            }
        };
        let stopped = match self.stopped.take() {
            Some(stop) => Some(stop),
            None => self.trace(signals, over, |_| false).await?,
        };
        stopped.context("the trace ended by itself")
    }

    /// Traces until the trace is where it should be, or something else ends it: then it says what.
    async fn trace(
        &mut self,
        signals: &mut Signals,
        over: impl Future<Output = Stop>,
        is_there: impl Fn(&Live) -> bool,
    ) -> Result<Option<Stop>> {
        let Self { live, emission, .. } = self;
        tokio::pin!(over);
        let reader_is_gone = emission.outputs.lose_reader();
        tokio::pin!(reader_is_gone);
        let mut has_reader = true;
        let reopen = signals.reopen();
        while !is_there(live) {
            if emission.pipeline.is_full() {
                return Ok(Some(Stop::Count));
            }
            let woken = tokio::select! {
                biased;
                _ = signals.received() => return Ok(Some(Stop::Signal)),
                () = reopen.notified() => {
                    emission.outputs.reopen();
                    continue;
                }
                stop = &mut over => return Ok(Some(stop)),
                () = &mut reader_is_gone, if has_reader => {
                    has_reader = false;
                    emission.outputs.check()?;
                    continue;
                }
                woken = live.wait() => woken?,
            };
            live.take_turn(woken, emission)?;
        }
        Ok(None)
    }

    /// Ends the trace and all outputs.
    pub(super) fn finish(&mut self, stop: &Stop) -> Result<()> {
        log::info!("the trace ends: {stop:?}");
        let ending = self.live.finish(&mut self.emission)?;
        self.emission.finish(&ending)
    }

    /// Says how much is missing from the outputs that failed.
    pub(super) fn report_missing(&mut self) {
        if self.emission.outputs.has_failed()
            && let Ok(unemitted) = self.live.count_unemitted(&self.emission.pipeline)
        {
            self.emission.outputs.report_missing(unemitted);
        }
    }
}
