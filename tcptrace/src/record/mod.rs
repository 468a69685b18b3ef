//! What a trace has to say: the records that filters choose from and formats write, a type for each kind.

mod cause;
mod context;
mod end;
mod existing;
mod kind;
mod loss;
mod orphan;
mod segments;
mod start;
mod stuck;
mod subject;
mod summary;
mod transition;

pub use cause::Cause;
pub use context::{Context, Inference};
pub use end::{End, Totals};
pub use existing::Existing;
pub use kind::{Record, RecordKind};
pub use loss::{Loss, Lost};
pub use orphan::Orphan;
pub use segments::{Reset, Retransmit};
pub use start::{Start, Unseen};
pub use stuck::Stuck;
pub use subject::{ConnectionId, SocketId, Subject};
pub use summary::{Completeness, ConnectionEnd, ConnectionSummary, Outcome};
pub use transition::{Numbers, Transition};
