//! A trace of recordings.

use std::{cell::RefCell, io::BufRead, ops::ControlFlow, rc::Rc};

use anyhow::Result;

use super::closure::Closure;
use crate::{
    filter::Filter,
    pipeline::{Observer, Pipeline},
    record::{Record, Totals},
    replay::Playback,
    stuck::Limits,
};

/// Recordings that are replayed.
pub struct Replay<R> {
    playback: Playback<R>,
    filter: Filter,
}

impl<R: BufRead> Replay<R> {
    pub(super) fn new(
        filter: Filter,
        stuck: Option<Limits>,
        recordings: impl IntoIterator<Item = R>,
    ) -> Self {
        Self { playback: Playback::new(recordings, stuck), filter }
    }

    /// Calls `observe` for each record until it breaks, or the recordings end.
    ///
    /// # Errors
    /// Those of the inputs. What cannot be read as a record is skipped, and counted as lost.
    pub fn run(self, observe: impl FnMut(&Record) -> ControlFlow<()>) -> Result<Totals> {
        let closure = Rc::new(RefCell::new(Closure::new(observe)));
        let has_broken = Rc::clone(&closure);
        self.replay(vec![Box::new(closure)], || has_broken.borrow().has_broken())
    }

    /// Hands all records to these observers: they can also ask for connections.
    ///
    /// # Errors
    /// Those of the inputs.
    pub fn run_with(self, observers: Vec<Box<dyn Observer + '_>>) -> Result<Totals> {
        self.replay(observers, || false)
    }

    fn replay(
        mut self,
        observers: Vec<Box<dyn Observer + '_>>,
        is_enough: impl Fn() -> bool,
    ) -> Result<Totals> {
        let mut pipeline = Pipeline::new(self.filter, None, observers);
        let mut records = Vec::new();
        while !is_enough() {
            let read = self.playback.read(&mut records);
            let goes_on = read.map_err(|(index, error)| {
                anyhow::Error::from(error).context(format!("read recording {}", index + 1))
            })?;
            pipeline.emit(&mut records);
            if !goes_on {
                break;
            }
        }
        let ending = self.playback.finish(&mut pipeline, is_enough());
        Ok(ending.map_or_else(Totals::default, |ending| ending.end.totals))
    }
}
