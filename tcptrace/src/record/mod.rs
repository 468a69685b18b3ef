//! The records of a trace: those that filters choose from and formats write, a type for each kind.

mod cause;
mod context;
mod end;
mod existing;
mod kind;
mod loss;
mod orphan;
mod outcome;
mod segments;
mod start;
mod stuck;
mod subject;
mod summary;
mod transition;

pub use cause::{Cause, CauseDetails};
pub use context::{Context, Inference};
pub use end::{End, Totals};
pub use existing::Existing;
pub use kind::{Record, RecordKind};
pub use loss::{Loss, Lost};
pub use orphan::Orphan;
pub use outcome::{Completeness, Outcome, OutcomeDetails};
pub use segments::{Reset, Retransmit};
pub use start::{Start, Unseen};
pub use stuck::Stuck;
pub use subject::{ConnectionId, SocketId, Subject};
pub use summary::{ConnectionEnd, ConnectionSummary};
pub use transition::{Numbers, Transition};
