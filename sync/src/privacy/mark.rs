//! What is noted of people whose data is removed: in their tombstones, in the trail, and in the access log.

use super::Person;
use super::erase::Counts;
use super::subject::Subject;
use closegraph_entity::access_entry::{Action, RECORD};
use sea_orm::ActiveEnum;
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

/// The tombstone by which later syncs know `$2`, with its companies `$4`. Where there is a
/// row, trail and feed tell that it goes.
const FORGET: &str = "
    with gone as (
        select source_updated_at from person where id = $2
    ), told as (
        insert into change_feed (connection_id, record_type, record_id, close_id, action, at)
        select $1, 'person', $2, $3, 'deleted', source_updated_at from gone
    ), noted as (
        insert into audit_entry (connection_id, record_type, record_id, close_id, action, origin, at)
        select $1, 'person', $2, $3, 'deleted', 'person', source_updated_at from gone
    )
    insert into tombstone as known (connection_id, record_id, record_type, close_id, version, forgotten_at, company_ids)
    select $1, $2, 'person', $3, coalesce((select source_updated_at from gone), now()), now(), $4
    on conflict (record_id) do update
       set forgotten_at = coalesce(known.forgotten_at, excluded.forgotten_at),
           company_ids = excluded.company_ids";

/// Says that these people are not to be known any more.
pub(super) async fn mark_forgotten(
    connection: &mut PgConnection,
    people: &[Person],
    subject: &Subject,
) -> Result<(), sqlx::Error> {
    for person in people {
        sqlx::query(FORGET)
            .bind(person.connection_id)
            .bind(person.id)
            .bind(&person.close_id)
            .bind(Vec::from_iter(subject.forgotten.companies.iter().copied()))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Says that nothing is held any more on these people, who are gone.
pub(super) async fn mark_purged(
    connection: &mut PgConnection,
    people: &[Person],
) -> Result<(), sqlx::Error> {
    sqlx::query("update tombstone set purged_at = now() where record_id = any($1)")
        .bind(ids(people))
        .execute(connection)
        .await
        .map(drop)
}

/// Those who did not come back meanwhile.
pub(super) async fn still_gone(
    connection: &mut PgConnection,
    people: &[Person],
) -> Result<Vec<Person>, sqlx::Error> {
    sqlx::query_as(
        "select t.record_id as id, t.connection_id, t.close_id from tombstone t
          where t.record_id = any($1) and not exists (select from person p where p.id = t.record_id)",
    )
    .bind(ids(people))
    .fetch_all(connection)
    .await
}

fn ids(people: &[Person]) -> Vec<Uuid> {
    people.iter().map(|person| person.id).collect()
}

/// Notes in the access log what somebody did about a person.
pub(super) async fn record(
    connection: &mut PgConnection,
    by: &str,
    action: Action,
    person: &Person,
    counts: &Counts,
) -> Result<(), sqlx::Error> {
    sqlx::query(RECORD)
        .bind(by)
        .bind(None::<Uuid>)
        .bind(None::<&str>)
        .bind(action.to_value())
        .bind([person.connection_id])
        .bind(person.id)
        .bind(json!({ "rows": counts }))
        .execute(connection)
        .await
        .map(drop)
}
