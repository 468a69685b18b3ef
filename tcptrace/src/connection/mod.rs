//! The model of a connection: what was told of it, the table of all of them, and what each came to.

mod compact;
mod history;
mod summary;
mod table;

pub use history::{ConnectionHistory, Counted, FirstClose, Side, Step, What};
pub use table::{ConnectionTable, Keep, Retain};
