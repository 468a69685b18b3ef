//! A trace of this host.

use std::{cell::RefCell, ops::ControlFlow, rc::Rc};

use anyhow::{Context as _, Result};
use tokio::runtime::{Builder as RuntimeBuilder, Runtime};

use super::{Builder, closure::Closure};
use crate::{
    filter::Filter,
    live::{Destination as _, Live},
    pipeline::{Observer, Pipeline},
    record::{Record, Totals},
};

/// A trace that is attached to the running kernel. It detaches when it is dropped.
///
/// It belongs to the thread that made it, and blocks that thread while it runs. It has no part in signals, and needs no
/// runtime of the caller's: inside one, run it on a thread of its own.
pub struct Trace {
    runtime: Runtime,
    live: Live,
    filter: Filter,
}

impl Trace {
    /// Builder of a trace of everything, until conditions are added.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(super) fn attach(builder: &Builder) -> Result<Self> {
        let runtime = RuntimeBuilder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .context("start the runtime of the trace")?;
        let filter = builder.filter.clone();
        let mut live = {
            let _inside = runtime.enter();
            builder.attach_live()?
        };
        if filter.children {
            live.track(&filter.pids, true);
        }
        Ok(Self { runtime, live, filter })
    }

    /// Calls `observe` for each record, first of all [`Start`](crate::record::Start), then the sockets that exist already,
    /// until it breaks; then ends the trace.
    ///
    /// # Errors
    /// When the kernel side's buffer or counters cannot be read.
    pub fn run(self, observe: impl FnMut(&Record) -> ControlFlow<()>) -> Result<Totals> {
        let closure = Rc::new(RefCell::new(Closure::new(observe)));
        let has_broken = Rc::clone(&closure);
        self.trace(vec![Box::new(closure)], |_| has_broken.borrow().has_broken())
    }

    /// Ends the trace, and calls `observe` for each record of what has happened since it was attached, and of the sockets that
    /// existed before. What the caller's own sockets have done by now is among it.
    ///
    /// # Errors
    /// When the kernel side's buffer or counters cannot be read.
    pub fn finish(self, mut observe: impl FnMut(&Record)) -> Result<Totals> {
        let observe = move |record: &Record| {
            observe(record);
            ControlFlow::Continue(())
        };
        self.finish_with(vec![Box::new(Rc::new(RefCell::new(Closure::new(observe))))])
    }

    /// Ends the trace, and hands all that has happened since it was attached to these observers: they can also ask for
    /// connections.
    ///
    /// # Errors
    /// When the kernel side's buffer or counters cannot be read.
    pub fn finish_with(self, observers: Vec<Box<dyn Observer + '_>>) -> Result<Totals> {
        self.trace(observers, Live::has_begun)
    }

    /// Traces until it is enough.
    fn trace(
        mut self,
        observers: Vec<Box<dyn Observer + '_>>,
        is_enough: impl Fn(&Live) -> bool,
    ) -> Result<Totals> {
        let mut pipeline = Pipeline::new(self.filter.clone(), None, observers);
        let Self { runtime, live, filter } = &mut self;
        runtime.block_on(async {
            pipeline.hand_on(&mut vec![live.start(filter.describe())])?;
            while !is_enough(live) {
                let woken = live.wait().await?;
                live.take_turn(woken, &mut pipeline)?;
            }
            let ending = live.finish(&mut pipeline)?;
            pipeline.finish(&ending);
            Ok(ending.end.totals)
        })
    }
}
