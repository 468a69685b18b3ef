//! Ladders of events with the records that are emitted (`notation` explains how to read one).

mod aborts;
mod children;
mod closing;
mod found;
mod hidden;
mod losses;
pub(crate) mod model;
mod no_minisocket;
pub(crate) mod notation;
mod opening;
mod owners;
pub(crate) mod properties;
mod repair;
