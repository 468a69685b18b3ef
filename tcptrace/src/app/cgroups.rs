//! Looks up cgroups that events name, without ever giving it more than a tenth of the time.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{cgroup::Cgroup, event::Event, snapshot, tracker::Tracker};

/// The latest look at the hierarchy.
#[derive(Default)]
pub(super) struct Hierarchy {
    paths: HashMap<u64, String>,
    not_before: Option<Instant>,
}

impl Hierarchy {
    /// Has the tracker know the cgroup of an event.
    pub(super) fn tell(&mut self, tracker: &mut Tracker, event: &Event) {
        let Some(id) = event.cgroup.filter(|id| tracker.cgroups().lacks(*id)) else { return };
        if !self.paths.contains_key(&id) {
            let begin = Instant::now();
            if self.not_before.is_some_and(|time| begin < time) {
                // The socket's next event asks again.
                return;
            }
            self.paths = snapshot::cgroups();
            let end = Instant::now();
            self.not_before = Some(end + (end - begin) * 9 + Duration::from_millis(1));
        }
        // One that is not there now is gone for good: no id is used twice.
        let cgroup = self.paths.get(&id).map(|path| Arc::new(Cgroup::new(path)));
        tracker.cgroups().learn(id, cgroup);
    }
}
