//! `tcptrace list`
use super::Failure;
pub(super) fn run(_: crate::cli::ListArgs) -> Result<(), Failure> {
    Ok(())
}
