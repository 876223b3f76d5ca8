//! Questions that are being answered just now: who asks the same meanwhile waits for that answer, so that a commit, after
//! which nothing that was kept is usable, lets each question be asked once and not as often as there are clients.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

use super::answers::Key;

/// A question, and the stamp that its answer may have: what is asked after a commit does not wait for what was read before.
type Asked = (Key, u64);

/// The questions of a process that are being answered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flights(Arc<Mutex<HashMap<Asked, CancellationToken>>>);

/// Who asks a question.
#[derive(Debug)]
pub(crate) enum Asking {
    /// The first one, who answers it.
    First(Flight),
    /// Another one; the token is cancelled once the first has its answer, or none.
    Later(CancellationToken),
}

/// A question that is being answered until this is dropped.
#[derive(Debug)]
pub(crate) struct Flight {
    flights: Flights,
    asked: Asked,
}

impl Flights {
    pub(super) fn join(&self, key: Key, stamp: u64) -> Asking {
        let asked = (key, stamp);
        match self.all().entry(asked) {
            Entry::Occupied(first) => Asking::Later(first.get().clone()),
            Entry::Vacant(place) => {
                place.insert(CancellationToken::new());
                let flights = self.clone();
                Asking::First(Flight { flights, asked })
            }
        }
    }

    fn all(&self) -> std::sync::MutexGuard<'_, HashMap<Asked, CancellationToken>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        if let Some(ended) = self.flights.all().remove(&self.asked) {
            ended.cancel();
        }
    }
}
