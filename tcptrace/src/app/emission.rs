//! The way out of a command: the pipeline, its outputs, and the conditions that make the command fail.

use std::{cell::RefCell, rc::Rc};

use anyhow::Result;

use super::{Failure, outputs::Outputs};
use crate::{
    cli::{OutputArgs, OutputSpec},
    filter::Filter,
    live::Destination,
    pipeline::{Condition, Ending, FailConditions, Pipeline},
    record::Record,
};

/// Outputs and fail conditions of a command: the place its records go to.
pub(super) struct Emission {
    pub(super) pipeline: Pipeline<'static>,
    pub(super) outputs: Outputs,
    conditions: Rc<RefCell<FailConditions>>,
}

impl Emission {
    /// Through this filter to these outputs, which are opened now.
    pub(super) fn open(filter: Filter, specs: &[OutputSpec], args: &OutputArgs) -> Result<Self> {
        let outputs = Outputs::open(specs, args)?;
        let conditions = Rc::new(RefCell::new(FailConditions::default()));
        let mut observers = outputs.observers();
        observers.push(Box::new(Rc::clone(&conditions)));
        Ok(Self { pipeline: Pipeline::new(filter, args.count, observers), outputs, conditions })
    }

    /// Emits records, and empties the vector.
    ///
    /// # Errors
    /// When no output is left.
    pub(super) fn emit(&mut self, records: &mut Vec<Record>) -> Result<()> {
        self.pipeline.emit(records);
        self.outputs.check()
    }

    /// Hands on what is buffered.
    ///
    /// # Errors
    /// When no output is left.
    pub(super) fn flush(&mut self) -> Result<()> {
        self.pipeline.flush();
        self.outputs.check()
    }

    /// Ends all outputs.
    ///
    /// # Errors
    /// When no output is left.
    pub(super) fn finish(&mut self, ending: &Ending) -> Result<()> {
        self.pipeline.finish(ending);
        self.outputs.check()
    }

    /// How it went: an output that failed, or else a condition that was met.
    pub(super) fn failure(&self, conditions: &[Condition]) -> Option<Failure> {
        let failure = self.outputs.failure().map(Failure::from);
        failure.or_else(|| self.conditions.borrow().describe(conditions).map(Failure::condition))
    }
}

impl Destination<'static> for Emission {
    fn hand_on(&mut self, records: &mut Vec<Record>) -> Result<()> {
        self.pipeline.emit(records);
        self.flush()
    }

    fn pipeline(&mut self) -> &mut Pipeline<'static> {
        &mut self.pipeline
    }
}
