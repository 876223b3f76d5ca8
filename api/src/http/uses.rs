//! When tokens were last used, written beside the requests.
//!
//! Only a token that was looked up is noted, which is once in the time for which it is believed. What was noted is gathered
//! and written in one statement; a request never waits for that.

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::mpsc;
use uuid::Uuid;

/// How long uses are gathered.
const GATHERED: Duration = Duration::from_secs(1);
/// Uses that wait at most; more are not noted.
const WAITING: usize = 10_000;

const WRITE: &str = "
    insert into token_use as known (token_id, used_at) select * from unnest($1::uuid[], $2::timestamptz[])
    on conflict (token_id) do update set used_at = excluded.used_at where known.used_at < excluded.used_at";

/// Where uses are noted. They are written for as long as one of its clones lives.
#[derive(Clone, Debug)]
pub(super) struct Uses(mpsc::Sender<(Uuid, DateTime<Utc>)>);

impl Uses {
    /// Begins to write, in the runtime at hand.
    pub(super) fn start(pool: PgPool) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        tokio::spawn(write(pool, receiver));
        Self(sender)
    }

    /// A token is used now.
    pub(super) fn note(&self, token: Uuid) {
        // One that finds no room will be noted with its next use.
        self.0.try_send((token, Utc::now())).ok();
    }
}

async fn write(pool: PgPool, mut noted: mpsc::Receiver<(Uuid, DateTime<Utc>)>) {
    while let Some(first) = noted.recv().await {
        tokio::time::sleep(GATHERED).await;
        // In the order of the ids: processes that write the same tokens wait for each other, and never in a circle.
        let mut last = BTreeMap::from([first]);
        while let Ok((token, at)) = noted.try_recv() {
            last.insert(token, at);
        }
        let (tokens, times): (Vec<Uuid>, Vec<DateTime<Utc>>) = last.into_iter().unzip();
        let written = sqlx::query(WRITE).bind(tokens).bind(times);
        if let Err(error) = written.execute(&pool).await {
            tracing::warn!(%error, "the last use of tokens can't be written");
        }
    }
}
