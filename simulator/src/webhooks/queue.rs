//! The deliveries of one subscription that wait for their turn.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use crate::world::event::Event;
use crate::world::id::Id;

/// One event on its way to one receiver.
#[derive(Debug, Clone)]
pub(super) struct Delivery {
    pub(super) event: Arc<Event>,
    /// Attempts so far.
    pub(super) attempts: u32,
    /// The first attempt, with the unix seconds that it was signed with.
    pub(super) first: Option<(Instant, u64)>,
    /// Made a second time by a fault; not doubled again.
    pub(super) copy: bool,
}

type Turn = (Instant, u64);

#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: BTreeMap<Turn, Delivery>,
    /// Events that wait for more changes of their object.
    consolidating: HashMap<Id, Turn>,
    turns: u64,
}

impl Queue {
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Adds an event; one that was consolidated with a waiting one takes that one's place.
    pub(super) fn offer(&mut self, event: &Arc<Event>, due: Instant) {
        if event.consolidates() {
            let turn = self.consolidating.get(&event.id);
            if let Some(delivery) = turn.and_then(|turn| self.waiting.get_mut(turn)) {
                delivery.event = Arc::clone(event);
                return;
            }
        }
        let delivery = Delivery {
            event: Arc::clone(event),
            attempts: 0,
            first: None,
            copy: false,
        };
        let turn = self.push(delivery, due);
        if event.consolidates() {
            self.consolidating.insert(event.id, turn);
        }
    }

    pub(super) fn push(&mut self, delivery: Delivery, due: Instant) -> Turn {
        self.turns += 1;
        let turn = (due, self.turns);
        self.waiting.insert(turn, delivery);
        turn
    }

    /// The next delivery, when its turn has come.
    pub(super) fn pop(&mut self, now: Instant) -> Option<Delivery> {
        let first = self.waiting.first_entry()?;
        if first.key().0 > now {
            return None;
        }
        let (turn, delivery) = first.remove_entry();
        if self.consolidating.get(&delivery.event.id) == Some(&turn) {
            self.consolidating.remove(&delivery.event.id);
        }
        Some(delivery)
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        Some(self.waiting.first_key_value()?.0.0)
    }

    pub(super) fn clear(&mut self) {
        self.waiting.clear();
        self.consolidating.clear();
    }
}
