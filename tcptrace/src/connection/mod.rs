//! The model of a connection: the history of each, the table of all of them, and the summary of what each came to.

mod compact;
mod history;
mod summary;
mod table;

pub use history::{ConnectionHistory, Counted, FirstClose, Side, Step, What};
pub use table::{ConnectionTable, Keep, Retain};
