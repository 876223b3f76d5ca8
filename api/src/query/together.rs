//! Records that are looked for by their ids at the same time, with the same fields and by callers who see the same, are
//! looked for by one statement. Who comes while nobody looks does so at once; those who come meanwhile are next, all of
//! them together. Nobody is answered from a statement that began before the question came.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sqlx::Row;
use sqlx::postgres::PgRow;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::run;
use super::sessions::Sessions;
use super::statement::{Bind, Statement};
use crate::error::Result;
use crate::scope::Sight;

/// Ids in one statement at most.
const BATCH: usize = 64;

/// A statement that finds a record by its id.
#[derive(Debug)]
pub(crate) struct Lookup {
    pub(crate) statement: Statement,
    /// Which of the binds are the ids.
    pub(crate) ids: usize,
    /// The column that says whose row it is.
    pub(crate) own: usize,
}

/// What is looked for, but for the id, and what Postgres is to show.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Asked {
    sql: String,
    /// No ids stand in their place.
    binds: Vec<Bind>,
    ids: usize,
    own: usize,
    sight: Sight,
}

/// The row of an id, shared by all who asked for it.
pub(crate) type Found = Option<Arc<PgRow>>;

#[derive(Debug)]
struct Waiting {
    id: Uuid,
    /// Dropped where the statement failed.
    told: oneshot::Sender<Found>,
}

/// What is looked for just now, and who came since.
#[derive(Clone, Debug, Default)]
pub(super) struct Lookups(Arc<Mutex<HashMap<Arc<Asked>, Vec<Waiting>>>>);

/// Somebody looks until this is dropped; then those who came meanwhile are next.
struct UnderWay {
    sessions: Sessions,
    asked: Arc<Asked>,
}

impl Asked {
    async fn rows(&self, sessions: &Sessions, ids: Vec<Uuid>) -> Result<Vec<PgRow>> {
        let mut binds = self.binds.clone();
        if let Some(place) = binds.get_mut(self.ids) {
            *place = Bind::Uuids(ids);
        }
        let sql = self.sql.clone();
        let statement = Statement { sql, binds };
        run::rows(sessions.reader(&self.sight), statement).await
    }

    async fn row(&self, sessions: &Sessions, id: Uuid) -> Result<Found> {
        let rows = self.rows(sessions, vec![id]).await?;
        Ok(rows.into_iter().next().map(Arc::new))
    }
}

impl Lookups {
    fn all(&self) -> MutexGuard<'_, HashMap<Arc<Asked>, Vec<Waiting>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where somebody looks for the same already, the word that will come.
    fn join(&self, asked: &Arc<Asked>, id: Uuid) -> Option<oneshot::Receiver<Found>> {
        let mut all = self.all();
        if let Some(waiting) = all.get_mut(asked) {
            let (told, word) = oneshot::channel();
            waiting.push(Waiting { id, told });
            return Some(word);
        }
        all.insert(asked.clone(), Vec::new());
        None
    }

    /// Those who came since somebody looks.
    fn came(&self, asked: &Arc<Asked>) -> Vec<Waiting> {
        let mut all = self.all();
        all.get_mut(asked).map(take).unwrap_or_default()
    }

    /// Those who are next; where nobody came, nobody looks any more.
    fn next(&self, asked: &Arc<Asked>) -> Vec<Waiting> {
        let mut all = self.all();
        let next = all.get_mut(asked).map(take).unwrap_or_default();
        if next.is_empty() {
            all.remove(asked);
        }
        next
    }
}

fn take(waiting: &mut Vec<Waiting>) -> Vec<Waiting> {
    waiting.retain(|waiting| !waiting.told.is_closed());
    waiting.drain(..waiting.len().min(BATCH)).collect()
}

/// The row of an id.
pub(super) async fn find(
    sessions: &Sessions,
    sight: &Sight,
    lookup: Lookup,
    id: Uuid,
) -> Result<Found> {
    let Statement { sql, mut binds } = lookup.statement;
    crate::live::kept::note(&sql);
    if let Some(place) = binds.get_mut(lookup.ids) {
        *place = Bind::Uuids(Vec::new());
    }
    let asked = Arc::new(Asked {
        sql,
        binds,
        ids: lookup.ids,
        own: lookup.own,
        sight: sight.clone(),
    });
    match sessions.lookups().join(&asked, id) {
        None => {
            let (sessions, asked) = (sessions.clone(), asked.clone());
            let under_way = UnderWay { sessions, asked };
            // Whoever has arrived already comes along.
            tokio::task::yield_now().await;
            let others = under_way.sessions.lookups().came(&under_way.asked);
            under_way.answer(Some(id), others).await
        }
        Some(word) => match word.await {
            Ok(found) => Ok(found),
            // It failed for all; now for the right error, or none.
            Err(_) => asked.row(sessions, id).await,
        },
    }
}

impl UnderWay {
    /// Looks for all of them, tells those who wait, and answers the own one.
    async fn answer(self, own: Option<Uuid>, waiting: Vec<Waiting>) -> Result<Found> {
        let ids = waiting.iter().map(|waiting| waiting.id).chain(own);
        let mut ids: Vec<Uuid> = ids.collect();
        ids.sort_unstable();
        ids.dedup();
        // Where this fails, those who wait ask for themselves: their word is dropped.
        let rows = self.asked.rows(&self.sessions, ids).await?;
        let column = self.asked.own;
        // The next begin before these are told.
        drop(self);
        let rows = rows
            .into_iter()
            .filter_map(|row| Some((row.try_get::<Uuid, _>(column).ok()?, Arc::new(row))));
        let rows: HashMap<Uuid, Arc<PgRow>> = rows.collect();
        for Waiting { id, told } in waiting {
            told.send(rows.get(&id).cloned()).ok();
        }
        Ok(own.and_then(|id| rows.get(&id).cloned()))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let waiting = self.sessions.lookups().next(&self.asked);
        if waiting.is_empty() {
            return;
        }
        let next = Self {
            sessions: self.sessions.clone(),
            asked: self.asked.clone(),
        };
        // Outside of a runtime nobody waits for an answer: all that is dropped here tells so.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(next.answer(None, waiting));
        }
    }
}
