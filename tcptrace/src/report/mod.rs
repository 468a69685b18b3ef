//! The closing report: the exact sequence of every connection that was told, both ends on one time axis.

mod account;
mod ledger;
mod page;
mod quiet;

pub use account::{Account, Counted, FirstClose, Side, Step, What};
pub use ledger::{Keep, Ledger};
pub use page::{Listed, Now, Page};
