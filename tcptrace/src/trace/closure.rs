//! A closure as an observer of records.

use std::ops::ControlFlow;

use crate::{pipeline::Observer, record::Record};

/// A closure that is called for each record until it breaks.
pub(super) struct Closure<F> {
    call: F,
    has_broken: bool,
}

impl<F: FnMut(&Record) -> ControlFlow<()>> Closure<F> {
    pub(super) const fn new(call: F) -> Self {
        Self { call, has_broken: false }
    }

    /// Whether it has asked for the end.
    pub(super) const fn has_broken(&self) -> bool {
        self.has_broken
    }
}

impl<F: FnMut(&Record) -> ControlFlow<()>> Observer for Closure<F> {
    fn record(&mut self, record: &Record) {
        if !self.has_broken {
            self.has_broken = (self.call)(record).is_break();
        }
    }
}
