//! Ladders of events with what is told of them (`notation` explains how to read one).

mod aborts;
mod children;
mod closing;
mod found;
mod hidden;
mod losses;
pub(crate) mod model;
mod no_stand_in;
pub(crate) mod notation;
mod opening;
mod owners;
pub(crate) mod properties;
mod repair;
