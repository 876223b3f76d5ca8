//! The sessions that statements of root fields run in. The pool tries each session out when it is given back, which costs
//! as much as a short statement; one that has just answered is kept for the next statement instead. No more of them answer
//! at once than Postgres has cores for, so that who came first is answered first.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, PgPool, Postgres};
use tokio::runtime::Handle;
use tokio::sync::{OnceCell, Semaphore, SemaphorePermit};
use uuid::Uuid;

use super::together::{self, Found, Lookup, Lookups};
use crate::error::{ApiError, Result};
use crate::scope::Sight;

/// How long a session in use is kept from the pool, which closes old ones.
const KEPT: Duration = Duration::from_secs(600);
/// How long one is kept that nothing uses: others may wait for it.
const IDLE: Duration = Duration::from_secs(1);
/// Sessions that are left to others where nobody else uses the pool much: tokens are looked up, and changes listened to.
const SPARE: u32 = 2;
/// Sessions that a sync needs; fewer would wait for each other.
const SYNC: u32 = 4;

/// How long a statement waits for its turn while as many run as Postgres answers at once. Behind statements that take
/// longer than this nobody waits for their end.
const PATIENCE: Duration = Duration::from_millis(100);
/// Statements for each core of Postgres: more of them at once only wait there, and in no order.
const STATEMENTS_A_CORE: usize = 2;

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
    /// Statements that Postgres answers at once.
    turns: Semaphore,
    kept: Mutex<Vec<Session>>,
    /// How many are kept, so that enough are left to others however busy statements are.
    most_kept: usize,
    lookups: Lookups,
    /// Whether the account may take the roles that Postgres shows less to.
    has_roles: OnceCell<bool>,
}

/// The two roles are there, the account may take them, and they may read: made after the last start, they may not yet.
const HAS_ROLES: &str = "
    select count(*) = 2 from pg_roles
     where rolname in ('closegraph_reader', 'closegraph_tenant') and pg_has_role(rolname, 'member')
       and has_column_privilege(rolname, 'sync_run', 'id', 'select')";
const TAKE_ROLE: &str =
    "select set_config('role', $1, false), set_config('closegraph.connections', $2, false)";

/// Sessions, and what Postgres is to show in them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    sessions: &'a Sessions,
    sight: &'a Sight,
}

impl Reader<'_> {
    /// The row of an id, found together with those that others look for just now.
    pub(crate) async fn find(&self, lookup: Lookup, id: Uuid) -> Result<Found> {
        together::find(self.sessions, self.sight, lookup, id).await
    }

    /// Runs what reads in a session.
    pub(crate) async fn run<T>(
        &self,
        statement: impl AsyncFnOnce(&mut PgConnection) -> sqlx::Result<T>,
    ) -> Result<T> {
        self.sessions.run(self.sight, statement).await
    }
}

#[derive(Debug)]
struct Session {
    /// There until this is dropped.
    connection: Option<PoolConnection<Postgres>>,
    /// What it shows; `None` for what the account sees.
    sight: Option<Sight>,
    since: Instant,
    used: Instant,
}

impl Session {
    fn new(connection: PoolConnection<Postgres>) -> Self {
        let now = Instant::now();
        Self {
            connection: Some(connection),
            sight: None,
            since: now,
            used: now,
        }
    }

    /// Has Postgres show this from now on.
    async fn show(&mut self, sight: &Sight) -> sqlx::Result<()> {
        if self.sight.as_ref() == Some(sight) {
            return Ok(());
        }
        let (role, connections) = match sight {
            Sight::All => ("closegraph_reader", ""),
            Sight::Only(connections) => ("closegraph_tenant", connections.as_ref()),
        };
        // While it changes it shows what nobody asked for.
        self.sight = Some(Sight::Only("".into()));
        take_role(self.connection()?, role, connections).await?;
        self.sight = Some(sight.clone());
        Ok(())
    }

    fn connection(&mut self) -> sqlx::Result<&mut PgConnection> {
        let connection = self.connection.as_deref_mut();
        connection.ok_or(sqlx::Error::PoolClosed)
    }
}

/// Others who get it from the pool see what the account sees. Where that fails, nobody gets it.
impl Drop for Session {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else {
            return;
        };
        if self.sight.is_none() {
            return;
        }
        let Ok(runtime) = Handle::try_current() else {
            drop(connection.detach());
            return;
        };
        runtime.spawn(async move {
            if take_role(&mut connection, "none", "").await.is_err() {
                drop(connection.detach());
            }
        });
    }
}

async fn take_role(session: &mut PgConnection, role: &str, connections: &str) -> sqlx::Result<()> {
    let taken = sqlx::query(TAKE_ROLE).bind(role).bind(connections);
    taken.execute(session).await.map(drop)
}

impl Sessions {
    /// Sessions of a pool, in the runtime at hand.
    pub(crate) fn new(pool: PgPool, share: Share, statements: Option<usize>) -> Self {
        let all = pool.options().get_max_connections();
        let (places, spare) = match share {
            Share::Half => (all / 2, SYNC),
            Share::Most => (all.saturating_sub(SPARE), SPARE),
        };
        let places = usize::try_from(places.max(1)).unwrap_or(1);
        let most_kept = usize::try_from(all.saturating_sub(spare)).unwrap_or(0);
        let sessions = Self(Arc::new(Inner {
            places: Semaphore::new(places),
            turns: Semaphore::new(statements.unwrap_or_else(|| at_once(&pool, places)).max(1)),
            kept: Mutex::default(),
            most_kept: most_kept.min(places),
            lookups: Lookups::default(),
            has_roles: OnceCell::new(),
            pool,
        }));
        tokio::spawn(give_back(Arc::downgrade(&sessions.0)));
        sessions
    }

    pub(super) fn lookups(&self) -> &Lookups {
        &self.0.lookups
    }

    /// The sessions for those who see this.
    pub(crate) fn reader<'a>(&'a self, sight: &'a Sight) -> Reader<'a> {
        Reader {
            sessions: self,
            sight,
        }
    }

    /// Runs a statement in a session that shows this. Where it fails or is given up, the pool tries the session out.
    async fn run<T>(
        &self,
        sight: &Sight,
        statement: impl AsyncFnOnce(&mut PgConnection) -> sqlx::Result<T>,
    ) -> Result<T> {
        let _turn = self.0.turn().await;
        let place = self.0.places.acquire().await;
        let _place = place.map_err(|_| ApiError::Database(sqlx::Error::PoolClosed))?;
        let mut session = match self.0.take(sight) {
            Some(session) => session,
            None => Session::new(self.0.pool.acquire().await?),
        };
        if self.0.has_roles(&mut session).await? {
            session.show(sight).await?;
        }
        let answer = statement(session.connection()?).await?;
        session.used = Instant::now();
        self.0.keep(session);
        Ok(answer)
    }
}

/// Statements that Postgres answers at once: by its cores where it is on this machine, of which nothing is known where it is
/// not.
fn at_once(pool: &PgPool, places: usize) -> usize {
    let options = pool.connect_options();
    let host = options.get_host();
    let is_here = options.get_socket().is_some()
        || host.starts_with('/')
        || host == "localhost"
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback());
    let cores = std::thread::available_parallelism().map_or(places, usize::from);
    match is_here {
        true => places.min(STATEMENTS_A_CORE * cores),
        false => places,
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
    /// A turn in the order of arrival, or none where others take long.
    async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        if let Ok(turn) = self.turns.try_acquire() {
            return Some(turn);
        }
        let turn = tokio::time::timeout(PATIENCE, self.turns.acquire());
        turn.await.ok()?.ok()
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Vec<Session>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A kept session, one that shows this already before others.
    fn take(&self, sight: &Sight) -> Option<Session> {
        let mut kept = self.kept();
        let shows = |session: &Session| session.sight.as_ref() == Some(sight);
        match kept.iter().rposition(shows) {
            Some(place) => Some(kept.swap_remove(place)),
            None => kept.pop(),
        }
    }

    fn keep(&self, session: Session) {
        let mut kept = self.kept();
        // Looked at while nobody else can: what is kept after the pool began to close would never be given back.
        let may_be_kept = kept.len() < self.most_kept && !self.pool.is_closed();
        if may_be_kept && session.since.elapsed() < KEPT {
            kept.push(session);
        }
    }

    async fn has_roles(&self, session: &mut Session) -> Result<bool> {
        let has_roles = self.has_roles.get_or_try_init(async || {
            let has_roles = sqlx::query_scalar(HAS_ROLES);
            let has_roles: bool = has_roles.fetch_one(session.connection()?).await?;
            if !has_roles {
                tracing::warn!(
                    "the account may not take the roles closegraph_reader and closegraph_tenant: Postgres does not keep \
                     organizations apart by itself (docs/security.md says how it can)"
                );
            }
            Ok::<_, sqlx::Error>(has_roles)
        });
        Ok(*has_roles.await?)
    }
}
