//! The session that hears what Postgres tells of commits.

use std::time::Duration;

use closegraph_entity::change_feed::CHANNEL;
use rand::RngExt;
use sqlx::Executor;
use sqlx::postgres::{PgListener, PgPoolOptions};
use tokio::time::timeout;

use super::hub::Shared;

/// A session that is silent for so long is asked for a sign of life, without a statement.
const SILENCE: Duration = Duration::from_secs(5);
/// How long one waits for that sign, and for a session.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between attempts, the first and the longest pause.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// Listens for ever, with a new session whenever the one before is lost.
pub(super) async fn listen(shared: &Shared) {
    let mut pause = PAUSES.0;
    loop {
        let ended = hear(shared, &mut pause).await;
        shared.deaf();
        match ended {
            Ok(()) => tracing::warn!("the session that hears of commits was lost"),
            Err(error) => tracing::warn!(%error, "commits are not heard of"),
        }
        let jitter = rand::rng().random_range(0.5..1.5);
        tokio::time::sleep(pause.mul_f64(jitter)).await;
        pause = (pause * 2).min(PAUSES.1);
    }
}

/// Hears until the session is lost.
async fn hear(shared: &Shared, pause: &mut Duration) -> Result<(), sqlx::Error> {
    let options = shared.pool.connect_options();
    // A session of its own: none is taken from those who ask.
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(PATIENCE)
        .connect_lazy_with((*options).clone());
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    shared.hears();
    *pause = PAUSES.0;
    loop {
        match timeout(SILENCE, listener.try_recv()).await {
            Ok(Ok(Some(told))) => shared.heard(told.payload()),
            Ok(Ok(None)) => return Ok(()),
            Ok(Err(error)) => return Err(error),
            Err(_) => match timeout(PATIENCE, listener.execute("/* alive? */")).await {
                Ok(alive) => {
                    alive?;
                }
                Err(_) => return Ok(()),
            },
        }
    }
}
