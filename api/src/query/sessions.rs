//! The sessions that statements of root fields run in. The pool tries each session out when it is given back, which costs
//! as much as a short statement; one that has just answered is kept for the next statement instead.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, PgPool, Postgres};
use tokio::sync::Semaphore;

use crate::error::{ApiError, Result};

/// How long a session in use is kept from the pool, which closes old ones.
const KEPT: Duration = Duration::from_secs(600);
/// How long one is kept that nothing uses: others may wait for it.
const IDLE: Duration = Duration::from_secs(1);
/// Sessions that are left to others where nobody else uses the pool much: tokens are looked up, and changes listened to.
const SPARE: u32 = 2;
/// Sessions that a sync needs; fewer would wait for each other.
const SYNC: u32 = 4;

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
    /// How many are kept, so that enough are left to others however busy statements are.
    most_kept: usize,
}

#[derive(Debug)]
struct Session {
    connection: PoolConnection<Postgres>,
    since: Instant,
    used: Instant,
}

impl Sessions {
    /// Sessions of a pool, in the runtime at hand.
    pub(crate) fn new(pool: PgPool, share: Share) -> Self {
        let all = pool.options().get_max_connections();
        let (places, spare) = match share {
            Share::Half => (all / 2, SYNC),
            Share::Most => (all.saturating_sub(SPARE), SPARE),
        };
        let places = usize::try_from(places.max(1)).unwrap_or(1);
        let most_kept = usize::try_from(all.saturating_sub(spare)).unwrap_or(0);
        let sessions = Self(Arc::new(Inner {
            places: Semaphore::new(places),
            kept: Mutex::default(),
            most_kept: most_kept.min(places),
            pool,
        }));
        tokio::spawn(give_back(Arc::downgrade(&sessions.0)));
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
                used: Instant::now(),
            },
        };
        let answer = statement(&mut session.connection).await?;
        session.used = Instant::now();
        let mut kept = self.0.kept();
        // Looked at while nobody else can: what is kept after the pool began to close would never be given back.
        let may_be_kept = kept.len() < self.0.most_kept && !self.0.pool.is_closed();
        if may_be_kept && session.since.elapsed() < KEPT {
            kept.push(session);
        }
        Ok(answer)
    }
}

/// Gives sessions back to the pool that nothing uses, and all when it closes.
async fn give_back(sessions: Weak<Inner>) {
    let mut ticks = tokio::time::interval(IDLE);
    while let Some(inner) = sessions.upgrade() {
        let closed = inner.pool.is_closed();
        inner
            .kept()
            .retain(|session| !closed && session.used.elapsed() < IDLE);
        if closed {
            return;
        }
        let closing = inner.pool.close_event();
        drop(inner);
        tokio::select! {
            () = closing => {}
            _ = ticks.tick() => {}
        }
    }
}

impl Inner {
    fn kept(&self) -> std::sync::MutexGuard<'_, Vec<Session>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
