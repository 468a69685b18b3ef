//! Owners that many sockets have in common: each is kept once.

use std::sync::Arc;

use foldhash::HashSet;

use super::Owner;

/// Set of the owners that somebody has.
#[derive(Debug, Default)]
pub(crate) struct Owners {
    known: HashSet<Arc<Owner>>,
    /// Size at which those that nobody has any longer are dropped.
    most: usize,
}

impl Owners {
    const FEW: usize = 64;

    /// Equal owner, shared with all who have it.
    pub(crate) fn share(&mut self, owner: Owner) -> Arc<Owner> {
        if let Some(known) = self.known.get(&owner) {
            return Arc::clone(known);
        }
        if self.known.len() >= self.most {
            self.known.retain(|owner| Arc::strong_count(owner) > 1);
            self.most = (2 * self.known.len()).max(Self::FEW);
        }
        let owner = Arc::new(owner);
        self.known.insert(Arc::clone(&owner));
        owner
    }

    /// Puts an owner where another one, or the same, may be.
    pub(crate) fn put(&mut self, owner: Owner, place: &mut Option<Arc<Owner>>) {
        if place.as_deref() != Some(&owner) {
            *place = Some(self.share(owner));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::{Comm, Evidence};

    fn owner(pid: u32) -> Owner {
        Owner::new(pid, Comm::from_slice(b"server"), 0, Evidence::Syscall)
    }

    #[test]
    fn equal_ones_are_one() {
        let mut owners = Owners::default();
        let (one, two) = (owners.share(owner(1)), owners.share(owner(2)));
        assert!(Arc::ptr_eq(&one, &owners.share(owner(1))) && !Arc::ptr_eq(&one, &two));
        let mut place = Some(Arc::new(owner(1)));
        owners.put(owner(2), &mut place);
        assert!(place.is_some_and(|place| Arc::ptr_eq(&place, &two)));
    }

    #[test]
    fn those_that_nobody_has_go() {
        let mut owners = Owners::default();
        let held: Vec<_> = (0..100).map(|pid| owners.share(owner(pid))).collect();
        (100..10_000).for_each(|pid| drop(owners.share(owner(pid))));
        assert!(owners.known.len() <= 2 * held.len(), "{}", owners.known.len());
        assert!(held.iter().all(|known| Arc::ptr_eq(known, &owners.share(**known))));
    }
}
