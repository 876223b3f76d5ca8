//! The sessions that statements of root fields run in. The pool tries each session out when it is given back, which costs
//! as much as a short statement; one that has just answered is kept for the next statement instead.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, PgPool, Postgres};
use tokio::sync::Semaphore;

use crate::error::{ApiError, Result};

/// How long a session is kept from the pool, which closes old ones.
const KEPT: Duration = Duration::from_secs(600);
/// Sessions of a pool that are left to others even where all of it is given to statements.
const SPARE: u32 = 2;

/// How much of the pool statements of root fields may have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Share {
    /// Half of it, beside a sync.
    #[default]
    Half,
    /// All but a few, where nobody else uses it much.
    Most,
}

/// Sessions of a pool, some of them kept.
#[derive(Clone, Debug)]
pub(crate) struct Sessions(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    pool: PgPool,
    /// Sessions in use and kept are as many as these at most.
    places: Semaphore,
    kept: Mutex<Vec<Session>>,
    /// How many are kept; none of a pool so small that others would wait for them.
    most_kept: usize,
}

#[derive(Debug)]
struct Session {
    connection: PoolConnection<Postgres>,
    since: Instant,
}

impl Sessions {
    /// Sessions of a pool, in the runtime at hand. They are given back when the pool closes.
    pub(crate) fn new(pool: PgPool, share: Share) -> Self {
        let all = pool.options().get_max_connections();
        let places = match share {
            Share::Half => all / 2,
            Share::Most => all.saturating_sub(SPARE),
        };
        let places = usize::try_from(places.max(1)).unwrap_or(1);
        let sessions = Self(Arc::new(Inner {
            places: Semaphore::new(places),
            kept: Mutex::default(),
            most_kept: if all > SPARE { places } else { 0 },
            pool,
        }));
        let inner = Arc::downgrade(&sessions.0);
        let closed = sessions.0.pool.close_event();
        tokio::spawn(async move {
            closed.await;
            if let Some(inner) = inner.upgrade() {
                inner.kept().clear();
            }
        });
        sessions
    }

    /// Runs what reads or writes in a session. Where it fails or is given up, the pool tries the session out.
    pub(crate) async fn run<T>(
        &self,
        statement: impl AsyncFnOnce(&mut PgConnection) -> sqlx::Result<T>,
    ) -> Result<T> {
        let place = self.0.places.acquire().await;
        let _place = place.map_err(|_| ApiError::Database(sqlx::Error::PoolClosed))?;
        let kept = self.0.kept().pop();
        let mut session = match kept {
            Some(session) => session,
            None => Session {
                connection: self.0.pool.acquire().await?,
                since: Instant::now(),
            },
        };
        let answer = statement(&mut session.connection).await?;
        if session.since.elapsed() < KEPT && !self.0.pool.is_closed() {
            let mut kept = self.0.kept();
            if kept.len() < self.0.most_kept {
                kept.push(session);
            }
        }
        Ok(answer)
    }
}

impl Inner {
    fn kept(&self) -> std::sync::MutexGuard<'_, Vec<Session>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
