//! Removes what is held on people, in one transaction and under the locks of those who write.

use super::Person;
use super::mark::{mark_forgotten, mark_purged, record, still_gone};
use super::places::{Found, HELD_BY_WORKERS, PLACES, Place};
use super::subject::Subject;
use crate::apply::hold_all;
use closegraph_entity::access_entry::Action;
use sqlx::error::DatabaseError;
use sqlx::{PgConnection, PgPool, Postgres, Transaction};
use std::collections::BTreeMap;
use uuid::Uuid;

/// How often it is tried again where Postgres ends it, since others wait for each other through it.
const ATTEMPTS: u32 = 5;

/// Why it is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why<'a> {
    /// Somebody decided so, who is named here: it is never to be known again.
    Forget { by: &'a str },
    /// It was deleted in Close a while ago, and may come back.
    Purge,
}

/// How many rows there are, by place.
pub type Counts = BTreeMap<&'static str, u64>;

/// Removes what is held on people of a connection, and answers how much that was.
pub(super) async fn erase(
    pool: &PgPool,
    connection_id: Uuid,
    people: &[Person],
    why: Why<'_>,
) -> Result<Counts, sqlx::Error> {
    let mut attempt = 1;
    loop {
        let mut transaction = pool.begin().await?;
        match erase_once(&mut transaction, connection_id, people, why).await {
            Ok(counts) => {
                transaction.commit().await?;
                return Ok(counts);
            }
            Err(error) if attempt < ATTEMPTS && is_deadlock(&error) => {
                transaction.rollback().await?;
                attempt += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

fn is_deadlock(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    code.is_some_and(|code| code == "40P01")
}

async fn erase_once(
    transaction: &mut Transaction<'_, Postgres>,
    connection_id: Uuid,
    people: &[Person],
    why: Why<'_>,
) -> Result<Counts, sqlx::Error> {
    let connection: &mut PgConnection = transaction;
    without_time_limit(connection).await?;
    let forgets = why != Why::Purge;
    let subject = Subject::learn(connection, connection_id, people, forgets).await?;
    // All events are looked at while others work. Workers hold events and then objects, so this does, too.
    let seen = hold_events(connection, &subject).await?;
    hold_all(connection, connection_id).await?;
    let people = match why {
        Why::Forget { .. } => people.to_vec(),
        Why::Purge => still_gone(connection, people).await?,
    };
    // Under the locks nothing is added any more.
    let known = subject;
    let mut subject = Subject::learn(connection, connection_id, &people, forgets).await?;
    // A company that was not known before has events that were not looked at.
    let has_new_company = subject.leads.iter().any(|lead| !known.leads.contains(lead));
    subject.seen = (!has_new_company).then_some(seen);
    match why {
        Why::Forget { .. } => mark_forgotten(connection, &people, &subject).await?,
        Why::Purge => mark_purged(connection, &people).await?,
    }
    let mut counts = Counts::new();
    for place in PLACES.iter().filter(|place| place.is_erased()) {
        let found = place.find(connection, &subject).await?;
        place.erase(connection, &found).await?;
        count(&mut counts, place, &found);
    }
    if let Why::Forget { by } = why {
        for person in &people {
            record(connection, by, Action::PersonForgotten, person, &counts).await?;
        }
    }
    Ok(counts)
}

/// Counts what was found at a place.
pub(super) fn count(counts: &mut Counts, place: &Place, found: &[Found]) {
    if !found.is_empty() {
        *counts.entry(place.name).or_default() += found.len() as u64;
    }
}

/// Looking at all events may take longer than a request may.
pub(super) async fn without_time_limit(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("set local statement_timeout = 0")
        .execute(connection)
        .await
        .map(drop)
}

/// Locks the events that are to be changed; which these are, and the last of all events.
async fn hold_events(
    connection: &mut PgConnection,
    subject: &Subject,
) -> Result<(Vec<i64>, i64), sqlx::Error> {
    // Numbers are given before they are committed: of the last ones some may still be missing.
    const LATE: i64 = 100_000;
    let last: i64 = sqlx::query_scalar("select coalesce(max(seq), 0) from event")
        .fetch_one(&mut *connection)
        .await?;
    let mut seqs: Vec<i64> = Vec::new();
    for place in &HELD_BY_WORKERS {
        let found = place.find(connection, subject).await?;
        seqs.extend(
            found
                .iter()
                .filter_map(|found| found.key.parse::<i64>().ok()),
        );
    }
    sqlx::query("select from event where seq = any($1) order by seq for update")
        .bind(&seqs)
        .execute(connection)
        .await?;
    Ok((seqs, last.saturating_sub(LATE)))
}
