//! When each connection was last told to have changed, by a clock that counts what was told.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use uuid::Uuid;

/// The clock, and the stamp of each connection.
#[derive(Debug, Default)]
pub(crate) struct Stamps {
    /// Counted up while `changed` is locked.
    clock: AtomicU64,
    /// Whether everything that is committed is told of.
    listening: AtomicBool,
    changed: RwLock<Changed>,
}

#[derive(Debug, Default)]
struct Changed {
    /// What is older says nothing of any connection.
    floor: u64,
    connections: HashMap<Uuid, u64>,
}

impl Stamps {
    /// The stamp of what is read from now on; `None` while commits are not told of.
    pub(crate) fn now(&self) -> Option<u64> {
        let listening = self.listening.load(Ordering::Acquire);
        listening.then(|| self.clock.load(Ordering::Acquire))
    }

    /// Whether nothing has changed in these connections since the stamp.
    pub(crate) fn is_current(&self, stamp: u64, connections: impl Iterator<Item = Uuid>) -> bool {
        let Some(now) = self.now() else { return false };
        if now == stamp {
            return true;
        }
        let changed = self.changed.read().unwrap_or_else(PoisonError::into_inner);
        let mut changes = connections.filter_map(|id| changed.connections.get(&id));
        changed.floor <= stamp && changes.all(|change| *change <= stamp)
    }

    /// Something of the connection changed.
    pub(super) fn touch(&self, connection: Uuid) {
        let mut changed = self.changed.write().unwrap_or_else(PoisonError::into_inner);
        let stamp = self.clock.fetch_add(1, Ordering::AcqRel) + 1;
        changed.connections.insert(connection, stamp);
    }

    /// Anything may have changed.
    pub(super) fn touch_all(&self) {
        let mut changed = self.changed.write().unwrap_or_else(PoisonError::into_inner);
        changed.floor = self.clock.fetch_add(1, Ordering::AcqRel) + 1;
        changed.connections.clear();
    }

    /// From now on everything is told of, or nothing is.
    pub(super) fn set_listening(&self, listening: bool) {
        self.touch_all();
        self.listening.store(listening, Ordering::Release);
    }

    pub(super) fn is_listening(&self) -> bool {
        self.listening.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::Stamps;
    use std::iter::once;
    use uuid::Uuid;

    #[test]
    fn what_was_read_before_a_change_of_its_connection_is_not_current() {
        let (stamps, one, other) = (Stamps::default(), Uuid::from_u128(1), Uuid::from_u128(2));
        assert_eq!(stamps.now(), None, "nothing is heard yet");
        stamps.set_listening(true);
        let before = stamps.now().unwrap();
        stamps.touch(one);
        assert!(!stamps.is_current(before, once(one)));
        assert!(stamps.is_current(before, once(other)));
        let after = stamps.now().unwrap();
        assert!(stamps.is_current(after, [one, other].into_iter()));
        stamps.set_listening(false);
        assert!(!stamps.is_current(after, once(other)));
        stamps.set_listening(true);
        assert!(
            !stamps.is_current(after, once(other)),
            "nobody heard what happened"
        );
    }
}
