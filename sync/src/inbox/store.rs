//! The inbox's front: deliveries that arrive together are logged by one statement, so that the disk's flush rate is not
//! the ceiling.
//!
//! No task stands between who receives and Postgres. Who comes while nobody writes does so at once; of those who come
//! meanwhile one goes on, with the deliveries of all of them.

use super::delivery::Delivery;
use super::insert::ends_session;
use crate::redact::chain;
use sqlx::{PgConnection, PgPool};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

/// Deliveries in one statement.
const BATCH: usize = 256;

/// Statements that are under way at once.
const WRITERS: usize = 1;

/// Pause between two calls of the workers.
const BETWEEN_CALLS: Duration = Duration::from_millis(20);

const LOG: &str = "insert into delivery (id, connection_id, payload) values ($1, $2, $3)";

const LOG_ALL: &str = "
    insert into delivery (id, connection_id, payload)
    select id, connection_id, payload from unnest($1::uuid[], $2::uuid[], $3::text[]) as new (id, connection_id, payload)";

/// Known, whether it was taken into the inbox or waits to be.
const KNOWS: &str = "
    select exists (select from event where id = $1) or exists (select from delivery where id = $1)";

/// Whether a delivery is durable. Those of one statement share its error.
type Stored = Result<(), Arc<sqlx::Error>>;

/// Stores deliveries. Clones share one line.
#[derive(Clone, Debug)]
pub struct Inbox(Arc<Front>);

#[derive(Debug)]
struct Front {
    pool: PgPool,
    /// Has the workers called.
    news: mpsc::Sender<()>,
    line: Mutex<Line>,
}

#[derive(Debug, Default)]
struct Line {
    writers: usize,
    waiting: VecDeque<Waiting>,
    /// Sessions that nobody writes over. They are no more the pool's: a receiver may go away in the middle of a write, and
    /// its session with it.
    sessions: Vec<PgConnection>,
}

/// A delivery whose receiver waits to be told.
#[derive(Debug)]
struct Waiting {
    delivery: Delivery,
    told: oneshot::Sender<Told>,
}

#[derive(Debug)]
enum Told {
    Stored(Stored),
    /// To write itself, and others along.
    Write(Box<Turn>),
}

/// The right to write. Dropped, whether all is written or the receiver went away, it goes to the next in line.
#[derive(Debug)]
struct Turn {
    front: Arc<Front>,
    own: Delivery,
    others: Vec<Waiting>,
}

impl Inbox {
    /// An inbox over the pool. Its task ends when the last clone is dropped.
    pub fn new(pool: PgPool) -> Self {
        let (news, stored) = mpsc::channel(1);
        tokio::spawn(announce(pool.clone(), stored));
        Self(Arc::new(Front {
            pool,
            news,
            line: Mutex::default(),
        }))
    }

    /// Whether the delivery is stored already.
    pub(super) async fn knows(&self, delivery: &Delivery) -> Result<bool, sqlx::Error> {
        sqlx::query_scalar(KNOWS)
            .bind(delivery.id())
            .fetch_one(&self.0.pool)
            .await
    }

    /// Answers once the delivery is durable.
    pub async fn store(&self, delivery: Delivery) -> Stored {
        let told = {
            let mut line = self.0.line();
            if line.writers < WRITERS {
                line.writers += 1;
                Err(delivery)
            } else {
                let (tell, told) = oneshot::channel();
                line.waiting.push_back(Waiting {
                    delivery,
                    told: tell,
                });
                Ok(told)
            }
        };
        let turn = match told {
            Err(own) => Turn {
                front: Arc::clone(&self.0),
                own,
                others: Vec::new(),
            },
            Ok(told) => match told.await {
                Ok(Told::Write(turn)) => *turn,
                Ok(Told::Stored(stored)) => return stored,
                Err(_) => return Err(Arc::new(sqlx::Error::WorkerCrashed)),
            },
        };
        turn.write().await
    }
}

/// Calls the workers of all processes when something was stored: at once, and then as often as is of use. Storing does
/// not wait for it, and workers look by themselves, too.
async fn announce(pool: PgPool, mut news: mpsc::Receiver<()>) {
    while news.recv().await.is_some() {
        let called = sqlx::query("select pg_notify($1, '')").bind(super::CHANNEL);
        if let Err(error) = called.execute(&pool).await {
            tracing::debug!(error = chain(&error), "the workers can't be called");
        }
        tokio::time::sleep(BETWEEN_CALLS).await;
    }
}

impl Turn {
    async fn write(mut self) -> Stored {
        let others = self.others.iter().map(|waiting| &waiting.delivery);
        let all: Vec<&Delivery> = std::iter::once(&self.own).chain(others).collect();
        let stored = self.front.store(&all).await;
        // One delivery that Postgres refuses must not take its neighbours along.
        let refused = matches!(&stored, Err(error) if !ended(error));
        if refused && !self.others.is_empty() {
            return self.write_one_by_one().await;
        }
        let others = std::mem::take(&mut self.others);
        // The next write begins before this one's receivers answer.
        drop(self);
        for waiting in others {
            drop(waiting.told.send(Told::Stored(stored.clone())));
        }
        stored
    }

    async fn write_one_by_one(mut self) -> Stored {
        let count = self.others.len() + 1;
        tracing::warn!(count, "storing deliveries one by one");
        while let Some(waiting) = self.others.pop() {
            let stored = self.front.store(&[&waiting.delivery]).await;
            drop(waiting.told.send(Told::Stored(stored)));
        }
        self.front.store(&[&self.own]).await
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let unwritten = std::mem::take(&mut self.others);
        let next = self.front.line().next(unwritten);
        if let Some((Waiting { delivery, told }, others)) = next {
            let turn = Self {
                front: Arc::clone(&self.front),
                own: delivery,
                others,
            };
            // Should the receiver be gone by now, the turn comes back, and is dropped in its turn.
            drop(told.send(Told::Write(Box::new(turn))));
        }
    }
}

impl Line {
    /// Who writes next, and what else. The deliveries of receivers that are gone were not acknowledged: Close delivers
    /// them again.
    fn next(&mut self, unwritten: Vec<Waiting>) -> Option<(Waiting, Vec<Waiting>)> {
        for waiting in unwritten.into_iter().rev() {
            self.waiting.push_front(waiting);
        }
        while let Some(first) = self.waiting.pop_front() {
            if !first.told.is_closed() {
                let others = self.waiting.len().min(BATCH - 1);
                return Some((first, self.waiting.drain(..others).collect()));
            }
        }
        self.writers = self.writers.saturating_sub(1);
        None
    }
}

impl Front {
    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn store(&self, deliveries: &[&Delivery]) -> Stored {
        let kept = self.line().sessions.pop();
        let was_kept = kept.is_some();
        let mut stored = self.log(kept, deliveries).await;
        // The session may have ended since it was last used. What was stored nevertheless is known the second time.
        if was_kept && matches!(&stored, Err(error) if ended(error)) {
            stored = self.log(None, deliveries).await;
        }
        stored?;
        // One call that waits to be made says it all.
        let _waits_already = self.news.try_send(());
        Ok(())
    }

    async fn log(
        &self,
        kept: Option<PgConnection>,
        deliveries: &[&Delivery],
    ) -> Result<(), sqlx::Error> {
        let mut session = match kept {
            Some(session) => session,
            None => self.pool.acquire().await?.detach(),
        };
        let logged = log(&mut session, deliveries).await;
        if !matches!(&logged, Err(error) if ended(error)) {
            self.line().sessions.push(session);
        }
        logged
    }
}

/// Whether the session can't be used any more.
fn ended(error: &sqlx::Error) -> bool {
    error.as_database_error().is_none_or(ends_session)
}

async fn log(session: &mut PgConnection, deliveries: &[&Delivery]) -> Result<(), sqlx::Error> {
    let query = match deliveries {
        [delivery] => sqlx::query(LOG)
            .bind(delivery.id())
            .bind(delivery.connection_id)
            .bind(delivery.payload()),
        _ => {
            let each = || deliveries.iter();
            sqlx::query(LOG_ALL)
                .bind(each().map(|delivery| delivery.id()).collect::<Vec<Uuid>>())
                .bind(
                    each()
                        .map(|delivery| delivery.connection_id)
                        .collect::<Vec<Uuid>>(),
                )
                .bind(
                    each()
                        .map(|delivery| delivery.payload())
                        .collect::<Vec<&str>>(),
                )
        }
    };
    query.execute(session).await.map(drop)
}
