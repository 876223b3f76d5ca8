//! Records that are looked for by their ids at the same time, with the same fields and by callers who see the same, are
//! looked for by one statement. Who comes while nobody looks has it looked for at once; those who come meanwhile are next,
//! all of them together. Nobody is answered from a statement that began before the question came.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use sqlx::Row;
use sqlx::postgres::PgRow;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::run;
use super::sessions::Sessions;
use super::statement::{Bind, Statement};
use crate::error::{ApiError, Result};
use crate::scope::Sight;

/// Ids in one statement at most.
const BATCH: usize = 64;

/// A statement that finds records by their ids.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Lookup {
    pub(crate) statement: Statement,
    /// Which of the binds are the ids.
    pub(crate) ids: usize,
    /// The column that says whose row it is.
    pub(crate) own: usize,
}

/// What is looked for, and what Postgres is to show.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Asked {
    /// No ids stand in their place.
    lookup: Lookup,
    sight: Sight,
}

/// The row of an id, shared by all who asked for it.
pub(crate) type Found = Option<Arc<PgRow>>;

/// The database cancelled the statement: who asks again would only wait as long once more.
#[derive(Debug)]
struct TimedOut;

type Word = Result<Found, TimedOut>;

#[derive(Debug)]
struct Waiting {
    id: Uuid,
    /// Dropped where the statement failed otherwise.
    told: oneshot::Sender<Word>,
}

/// Who waits, by what is looked for. While somebody stands here a task looks for it.
#[derive(Clone, Debug, Default)]
pub(super) struct Lookups(Arc<Line>);

#[derive(Debug, Default)]
struct Line {
    waiting: Mutex<HashMap<Arc<Asked>, Vec<Waiting>>>,
    /// Whether several came together lately, so that it is worth a moment to let others come.
    busy: AtomicBool,
}

/// Nobody looks for it any more once this is dropped. Who waits then, since the task broke off, looks for the own record.
struct Looking {
    lookups: Lookups,
    asked: Arc<Asked>,
    /// Nobody waited any more; others may stand there by now, with a task of their own.
    over: bool,
}

impl Lookup {
    /// The same for these ids.
    fn with(mut self, ids: Vec<Uuid>) -> Self {
        if let Some(place) = self.statement.binds.get_mut(self.ids) {
            *place = Bind::Uuids(ids);
        }
        self
    }
}

impl Asked {
    async fn rows(&self, sessions: &Sessions, ids: Vec<Uuid>) -> Result<Vec<PgRow>> {
        let lookup = self.lookup.clone().with(ids);
        run::rows(sessions.reader(&self.sight), lookup.statement).await
    }
}

impl Lookups {
    fn waiting(&self) -> MutexGuard<'_, HashMap<Arc<Asked>, Vec<Waiting>>> {
        let waiting = self.0.waiting.lock();
        waiting.unwrap_or_else(PoisonError::into_inner)
    }

    /// The word that will come; and whether nobody looks yet.
    fn join(&self, asked: &Arc<Asked>, id: Uuid) -> (oneshot::Receiver<Word>, bool) {
        let (told, word) = oneshot::channel();
        let mut all = self.waiting();
        let is_first = !all.contains_key(asked);
        let waiting = all.entry(asked.clone()).or_default();
        waiting.push(Waiting { id, told });
        (word, is_first)
    }

    /// Those who are next; where nobody is, nobody looks any more.
    fn next(&self, asked: &Arc<Asked>) -> Vec<Waiting> {
        let mut all = self.waiting();
        let Some(waiting) = all.get_mut(asked) else {
            return Vec::new();
        };
        waiting.retain(|waiting| !waiting.told.is_closed());
        let next: Vec<Waiting> = waiting.drain(..waiting.len().min(BATCH)).collect();
        if next.is_empty() {
            all.remove(asked);
        }
        next
    }
}

impl Drop for Looking {
    fn drop(&mut self) {
        if !self.over {
            self.lookups.waiting().remove(&self.asked);
        }
    }
}

/// The row of an id.
pub(super) async fn find(
    sessions: &Sessions,
    sight: &Sight,
    lookup: Lookup,
    id: Uuid,
) -> Result<Found> {
    crate::live::kept::note(&lookup.statement.sql);
    let asked = Arc::new(Asked {
        lookup: lookup.with(Vec::new()),
        sight: sight.clone(),
    });
    let lookups = sessions.lookups();
    let (word, is_first) = lookups.join(&asked, id);
    if is_first {
        let looking = Looking {
            lookups: lookups.clone(),
            asked: asked.clone(),
            over: false,
        };
        tokio::spawn(looking.work(sessions.clone()));
    }
    match word.await {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(TimedOut)) => Err(ApiError::Timeout),
        // It failed for all; now for the right error, or none.
        Err(_) => {
            let rows = asked.rows(sessions, vec![id]).await?;
            Ok(rows.into_iter().next().map(Arc::new))
        }
    }
}

impl Looking {
    /// Looks for what is waited for until nobody waits.
    async fn work(mut self, sessions: Sessions) {
        loop {
            if self.lookups.0.busy.load(Ordering::Relaxed) {
                after_others().await;
            }
            let waiting = self.lookups.next(&self.asked);
            if waiting.is_empty() {
                self.over = true;
                return;
            }
            self.lookups
                .0
                .busy
                .store(waiting.len() > 1, Ordering::Relaxed);
            let mut ids: Vec<Uuid> = waiting.iter().map(|waiting| waiting.id).collect();
            ids.sort_unstable();
            ids.dedup();
            let rows = self.asked.rows(&sessions, ids).await;
            let rows = rows.map(|rows| by_id(rows, self.asked.lookup.own));
            for Waiting { id, told } in waiting {
                let word = match &rows {
                    Ok(Some(rows)) => Ok(rows.get(&id).cloned()),
                    Err(ApiError::Timeout) => Err(TimedOut),
                    // Each asks for itself.
                    Ok(None) | Err(_) => continue,
                };
                told.send(word).ok();
            }
        }
    }
}

/// Rows by the ids in a column; `None` where it holds something else.
fn by_id(rows: Vec<PgRow>, own: usize) -> Option<HashMap<Uuid, Arc<PgRow>>> {
    let rows = rows.into_iter();
    let rows = rows.map(|row| Some((row.try_get::<Uuid, _>(own).ok()?, Arc::new(row))));
    rows.collect()
}

/// Lets go first what is ready. Unlike a yield of the runtime's, this waits for no thread that is busy: another may go on.
async fn after_others() {
    let mut waited = false;
    poll_fn(|task| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        task.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
