//! Processes that were asked for together with their descendants.
//!
//! Who belongs is decided when a process is made, so it does not matter who is whose parent later. A process id leaves
//! when it is given to a process that does not belong: a process that ends is still the owner of what its end closes.

use foldhash::{HashMap, HashSet};

use crate::{event::Fork, process::Owner};

/// Ids of the processes that belong, no more than the system has.
#[derive(Clone, Debug, Default)]
pub struct ProcessTree(HashSet<u32>);

impl ProcessTree {
    /// Adds a process that was asked for.
    pub fn track(&mut self, pid: u32) {
        self.0.insert(pid);
    }

    /// Adds the descendants of its members, given every process that there is and its parent.
    pub fn track_descendants(&mut self, processes: &[(u32, u32)]) {
        let mut children: HashMap<u32, Vec<u32>> = HashMap::default();
        for (pid, parent) in processes {
            children.entry(*parent).or_default().push(*pid);
        }
        let mut unvisited: Vec<u32> = self.0.iter().copied().collect();
        while let Some(pid) = unvisited.pop() {
            for child in children.remove(&pid).unwrap_or_default() {
                if self.0.insert(child) {
                    unvisited.push(child);
                }
            }
        }
    }

    /// Adds a child of a member, or forgets an id that has become somebody else's.
    pub fn fork(&mut self, fork: &Fork) {
        if self.0.contains(&fork.parent) {
            self.0.insert(fork.child);
        } else {
            self.0.remove(&fork.child);
        }
    }

    /// The owner, marked as one that belongs or does not.
    pub(super) fn mark(&self, owner: Owner) -> Owner {
        Owner { in_process_tree: self.0.contains(&owner.pid), ..owner }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fork(parent: u32, child: u32) -> Fork {
        Fork { mono_ns: 0, parent, child }
    }

    #[test]
    fn descendants_belong_and_an_id_that_is_used_again_does_not() {
        let mut tree = ProcessTree::default();
        tree.track(10);
        for (parent, child) in [(10, 11), (11, 12), (1, 13), (13, 14)] {
            tree.fork(&fork(parent, child));
        }
        assert_eq!(tree.0, HashSet::from_iter([10, 11, 12]));
        tree.fork(&fork(1, 11));
        tree.fork(&fork(11, 15));
        assert_eq!(tree.0, HashSet::from_iter([10, 12]));
    }

    #[test]
    fn those_that_are_there_already_belong_too() {
        let mut tree = ProcessTree::default();
        tree.track(10);
        // In the order of ids, which is not that of birth; and a circle, which only a wrong table has.
        tree.track_descendants(&[(1, 0), (2, 12), (10, 1), (11, 10), (12, 11), (13, 1), (20, 20)]);
        assert_eq!(tree.0, HashSet::from_iter([10, 11, 12, 2]));
    }
}
