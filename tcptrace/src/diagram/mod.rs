//! The state diagram as a picture, with what a recording saw on it.

mod observed;
mod plan;
mod svg;

pub use observed::{Lasted, Observed};
pub use svg::svg;
