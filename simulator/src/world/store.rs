//! One type's objects: shared immutable versions, and the orders in which lists walk them.

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use super::id::Id;
use super::moment::Moment;

/// An object's place in its store; never given to another object.
pub(crate) type Handle = u32;

/// What the store must know of an object.
pub(crate) trait Record {
    fn id(&self) -> Id;
    fn created(&self) -> Moment;
    fn updated(&self) -> Moment;
    /// The lead that it belongs to; none for a lead.
    fn lead(&self) -> Option<Handle>;
}

/// The two orders that are kept, so that a window of either neither scans nor sorts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Created,
    Updated,
}

/// From `from` (inclusive) up to `until` (exclusive).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) from: Moment,
    pub(crate) until: Moment,
}

impl Window {
    pub(crate) const ALL: Self = Self {
        from: Moment::MIN,
        until: Moment::MAX,
    };

    pub(crate) const fn contains(self, at: Moment) -> bool {
        self.from.0 <= at.0 && at.0 < self.until.0
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            from: self.from.max(other.from),
            until: self.until.min(other.until),
        }
    }

    pub(crate) fn is_all(self) -> bool {
        self == Self::ALL
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Store<T> {
    slots: Vec<Option<Arc<T>>>,
    /// By a hash of the id, a quarter of the size of the ids themselves.
    handles: HashMap<u64, Handle>,
    /// Ids whose hash was taken.
    collided: HashMap<Id, Handle>,
    by_created: BTreeSet<(Moment, Handle)>,
    by_updated: BTreeSet<(Moment, Handle)>,
    by_lead: BTreeSet<(Handle, Handle)>,
}

impl<T> Default for Store<T> {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            handles: HashMap::new(),
            collided: HashMap::new(),
            by_created: BTreeSet::new(),
            by_updated: BTreeSet::new(),
            by_lead: BTreeSet::new(),
        }
    }
}

impl<T: Record> Store<T> {
    /// Live objects.
    pub(crate) fn len(&self) -> usize {
        self.by_updated.len()
    }

    /// The place that the next new object takes.
    pub(crate) fn next_handle(&self) -> Handle {
        Handle::try_from(self.slots.len()).unwrap_or(Handle::MAX)
    }

    pub(crate) fn get(&self, handle: Handle) -> Option<&Arc<T>> {
        self.slots.get(usize::try_from(handle).ok()?)?.as_ref()
    }

    pub(crate) fn find(&self, id: &str) -> Option<(Handle, &Arc<T>)> {
        let id = Id::parse(id)?;
        let by_hash = self.handles.get(&id.short()).copied();
        let found = by_hash.and_then(|handle| Some((handle, self.get(handle)?)));
        found.filter(|(_, record)| record.id() == id).or_else(|| {
            let handle = *self.collided.get(&id)?;
            Some((handle, self.get(handle)?))
        })
    }

    fn name(&mut self, id: Id, handle: Handle) {
        if *self.handles.entry(id.short()).or_insert(handle) != handle {
            self.collided.insert(id, handle);
        }
    }

    fn forget(&mut self, id: Id, handle: Handle) {
        if self.collided.remove(&id).is_none() && self.handles.get(&id.short()) == Some(&handle) {
            self.handles.remove(&id.short());
        }
    }

    /// Puts a version in its place (none: deleted) and answers the one it replaces.
    pub(crate) fn put(&mut self, handle: Handle, version: Option<Arc<T>>) -> Option<Arc<T>> {
        let index = usize::try_from(handle).ok()?;
        if self.slots.len() <= index {
            self.slots.resize_with(index + 1, || None);
        }
        let slot = self.slots.get_mut(index)?;
        let before = slot.take();
        if let Some(old) = &before {
            self.by_created.remove(&(old.created(), handle));
            self.by_updated.remove(&(old.updated(), handle));
            if let Some(lead) = old.lead() {
                self.by_lead.remove(&(lead, handle));
            }
            if version.is_none() {
                self.forget(old.id(), handle);
            }
        }
        if let Some(new) = &version {
            self.by_created.insert((new.created(), handle));
            self.by_updated.insert((new.updated(), handle));
            if let Some(lead) = new.lead() {
                self.by_lead.insert((lead, handle));
            }
            if before.is_none() {
                self.name(new.id(), handle);
            }
        }
        if let Some(slot) = self.slots.get_mut(index) {
            *slot = version;
        }
        before
    }

    pub(crate) fn push(&mut self, version: T) -> Handle {
        let handle = self.next_handle();
        self.put(handle, Some(Arc::new(version)));
        handle
    }

    /// The children of a lead, oldest first.
    pub(crate) fn of_lead(&self, lead: Handle) -> impl Iterator<Item = (Handle, &Arc<T>)> {
        self.by_lead
            .range((lead, 0)..=(lead, Handle::MAX))
            .filter_map(|(_, handle)| Some((*handle, self.get(*handle)?)))
    }

    /// Every object whose moment lies in the window, ascending; reversible.
    pub(crate) fn walk(
        &self,
        order: Order,
        window: Window,
    ) -> impl DoubleEndedIterator<Item = (Handle, &Arc<T>)> {
        let index = match order {
            Order::Created => &self.by_created,
            Order::Updated => &self.by_updated,
        };
        // An empty or inverted window would make `range` panic.
        let until = window.until.max(window.from);
        index
            .range((
                Bound::Included((window.from, 0)),
                Bound::Excluded((until, 0)),
            ))
            .filter_map(|(_, handle)| Some((*handle, self.get(*handle)?)))
    }

    /// As many as [`Store::walk`] would give.
    pub(crate) fn count(&self, order: Order, window: Window) -> usize {
        if window.is_all() {
            self.len()
        } else {
            self.walk(order, window).count()
        }
    }

    /// How many places were ever given: handles below it may be live.
    pub(crate) fn places(&self) -> usize {
        self.slots.len()
    }
}
