//! Sessions driven by data.
