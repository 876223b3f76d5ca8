//! The right to do something for a connection, among all processes. It is held by a session of its own, of no pool, and
//! falls with its process.

use sqlx::postgres::PgConnection;
use sqlx::{Connection, PgPool};
use uuid::Uuid;

/// Held until it is released or dropped.
#[derive(Debug)]
pub(crate) struct Turn(PgConnection);

impl Turn {
    /// `None` where somebody else does `what`.
    pub(crate) async fn take(
        pool: &PgPool,
        connection_id: Uuid,
        what: &'static str,
    ) -> Result<Option<Self>, sqlx::Error> {
        let mut session = pool.acquire().await?.detach();
        let got: bool = sqlx::query_scalar("select pg_try_advisory_lock(hashtextextended($1, 0))")
            .bind(name(connection_id, what))
            .fetch_one(&mut session)
            .await?;
        if got {
            return Ok(Some(Self(session)));
        }
        session.close().await?;
        Ok(None)
    }

    pub(crate) async fn release(self) -> Result<(), sqlx::Error> {
        self.0.close().await
    }
}

/// Does `what` once nobody else does it.
pub(crate) async fn alone<T, E: From<sqlx::Error>>(
    pool: &PgPool,
    connection_id: Uuid,
    what: &'static str,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let mut session = pool.acquire().await.map_err(E::from)?.detach();
    sqlx::query("select pg_advisory_lock(hashtextextended($1, 0))")
        .bind(name(connection_id, what))
        .execute(&mut session)
        .await?;
    let done = work.await;
    // Where that fails, the session is gone, and the lock with it: what was done is done.
    session.close().await.ok();
    done
}

fn name(connection_id: Uuid, what: &str) -> String {
    format!("closegraph/{what}/{connection_id}")
}
