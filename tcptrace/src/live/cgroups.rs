//! Looks up cgroups that events name, without ever giving it more than a tenth of the time.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    cgroup::{Cgroup, Cgroups},
    event::StateChange,
    snapshot,
};

/// A process is not looked up again within this time.
const FRESH: Duration = Duration::from_secs(1);

/// The latest look at the hierarchy.
pub(super) struct Hierarchy {
    paths: HashMap<u64, String>,
    not_before: Option<Instant>,
    /// Processes whose cgroup was looked up, where there are hierarchies that sockets know nothing of.
    asked: Option<(Instant, HashSet<u32>)>,
}

impl Hierarchy {
    /// Nothing was looked at yet. `has_owners` says whether `/proc` has processes by the numbers that events have.
    pub(super) fn new(has_owners: bool) -> Self {
        let asked = (has_owners && snapshot::has_older()).then(|| (Instant::now(), HashSet::new()));
        Self { paths: HashMap::new(), not_before: None, asked }
    }

    /// Adds the cgroup of an event to those that are known.
    pub(super) fn learn(&mut self, event: &StateChange, cgroups: &mut Cgroups) {
        self.learn_of_process(event, cgroups);
        let Some(id) = event.cgroup.filter(|id| !cgroups.has(*id)) else { return };
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
        cgroups.learn(id, cgroup);
    }

    /// On a host with cgroup v1: who holds the socket tells where it is.
    fn learn_of_process(&mut self, event: &StateChange, cgroups: &mut Cgroups) {
        let Some((since, asked)) = &mut self.asked else { return };
        if !event.sock.is_some_and(|facts| facts.owned) {
            return;
        }
        if since.elapsed() > FRESH {
            (*since, *asked) = (Instant::now(), HashSet::new());
        }
        let pid = event.task.pid;
        if asked.insert(pid) {
            let cgroup = snapshot::cgroup_of(pid).filter(|cgroup| cgroup.is_older);
            cgroups.learn_process(pid, cgroup.map(Arc::new));
        }
    }
}
