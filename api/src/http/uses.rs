//! When tokens and sessions were last used, written beside the requests.
//!
//! Only what was looked up is noted, which is once in the time for which it is believed. What was noted is gathered
//! and written in one statement; a request never waits for that.

use super::auth::Identified;
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

const WRITE_SESSIONS: &str = "
    with used as (select s.id, u.at
                    from browser_session s
                    join unnest($1::uuid[], $2::timestamptz[]) u (id, at) on u.id = s.id and u.at > s.used_at
                   order by s.id for no key update of s)
    update browser_session s set used_at = used.at from used where s.id = used.id";

/// What was used, and when.
#[derive(Clone, Copy, Debug)]
struct Use {
    token: Option<Uuid>,
    session: Option<Uuid>,
    at: DateTime<Utc>,
}

/// Where uses are noted. They are written for as long as one of its clones lives.
#[derive(Clone, Debug)]
pub(super) struct Uses(mpsc::Sender<Use>);

impl Uses {
    /// Begins to write, in the runtime at hand.
    pub(super) fn start(pool: PgPool) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        tokio::spawn(write(pool, receiver));
        Self(sender)
    }

    /// Somebody asks now.
    pub(super) fn note(&self, caller: &Identified) {
        let noted = Use {
            token: caller.caller.token.as_ref().map(|(id, _)| *id),
            session: caller.session,
            at: Utc::now(),
        };
        // One that finds no room will be noted with its next use.
        self.0.try_send(noted).ok();
    }
}

async fn write(pool: PgPool, mut noted: mpsc::Receiver<Use>) {
    while let Some(first) = noted.recv().await {
        tokio::time::sleep(GATHERED).await;
        // In the order of the ids: processes that write the same rows wait for each other, and never in a circle.
        let (mut tokens, mut sessions) = (BTreeMap::new(), BTreeMap::new());
        let mut next = Some(first);
        while let Some(used) = next {
            tokens.extend(used.token.map(|id| (id, used.at)));
            sessions.extend(used.session.map(|id| (id, used.at)));
            next = noted.try_recv().ok();
        }
        for (statement, last) in [(WRITE, tokens), (WRITE_SESSIONS, sessions)] {
            if last.is_empty() {
                continue;
            }
            let (ids, times): (Vec<Uuid>, Vec<DateTime<Utc>>) = last.into_iter().unzip();
            let written = sqlx::query(statement).bind(ids).bind(times);
            if let Err(error) = written.execute(&pool).await {
                tracing::warn!(%error, "the last use of tokens and sessions can't be written");
            }
        }
    }
}
