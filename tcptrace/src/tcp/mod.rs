//! TCP as RFC 9293 and Linux have it: the states, the steps between them, and what each of them means.

mod advice;
mod diagram;
mod explain;
mod machine;
mod meaning;
mod state;

pub use advice::advice;
pub use diagram::diagram;
pub use explain::{PageStyles, explain};
pub use machine::{Step, enters, leaves, step};
pub use meaning::{Meaning, Side, meaning};
pub use state::{ParseStateError, TcpState, UnknownState};
