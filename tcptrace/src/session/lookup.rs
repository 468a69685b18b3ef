//! The questions that following an event puts to the world.

use crate::{cgroup::Cgroups, event::StateChange};

/// Answers from the host that is traced; `()` knows nothing.
pub trait Lookup {
    /// Adds the cgroups that an event speaks of, as far as `cgroups` lacks them.
    fn learn_cgroup(&mut self, event: &StateChange, cgroups: &mut Cgroups);

    /// The kernel's word for a reason to send a RST.
    fn reset_reason(&self, number: u32) -> Option<String>;
}

impl Lookup for () {
    fn learn_cgroup(&mut self, _: &StateChange, _: &mut Cgroups) {}

    fn reset_reason(&self, _: u32) -> Option<String> {
        None
    }
}
