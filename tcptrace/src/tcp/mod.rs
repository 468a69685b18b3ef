//! TCP as RFC 9293 and Linux have it: the states, the steps between them, and what each of them means.

mod state;

pub use state::{ParseStateError, TcpState, UnknownState};
