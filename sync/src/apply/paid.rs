//! Writes what goes with invoices: what was learned of what was paid of them, lines that are gone, and the companies that
//! are to be matched.

use super::queue::Folded;
use closegraph_entity::match_queue::QUEUE_AND_HOLD;
use closegraph_entity::record::RecordType;
use sqlx::PgConnection;
use uuid::Uuid;

pub(super) async fn write(
    connection: &mut PgConnection,
    connection_id: Uuid,
    folded: &Folded,
) -> Result<(), sqlx::Error> {
    let deleted = folded
        .deleted
        .iter()
        .filter(|(of, _)| *of == RecordType::Receivable);
    let deleted: Vec<Uuid> = deleted.map(|(_, id)| *id).collect();
    if !deleted.is_empty() {
        // What a person decided holds again should the invoice come back.
        sqlx::query("delete from link where receivable_id = any($1) and origin <> 'person'")
            .bind(deleted)
            .execute(&mut *connection)
            .await?;
    }
    // Pages of a first load are written side by side and must not wait for each other here: its end queues them all.
    if !folded.rematched.is_empty() && !folded.is_beside_others {
        sqlx::query(QUEUE_AND_HOLD)
            .bind(&folded.rematched)
            .bind(connection_id)
            .execute(&mut *connection)
            .await?;
    }
    if !folded.deleted_lines.is_empty() {
        sqlx::query("delete from receivable_line where id = any($1)")
            .bind(&folded.deleted_lines)
            .execute(&mut *connection)
            .await?;
    }
    if !folded.paid_anew.is_empty() {
        sqlx::query("delete from paid_amount where receivable_id = any($1)")
            .bind(&folded.paid_anew)
            .execute(&mut *connection)
            .await?;
    }
    if folded.paid.is_empty() {
        return Ok(());
    }
    let each = &folded.paid;
    sqlx::query(
        "insert into paid_amount (connection_id, receivable_id, version, currency, paid_minor, paid_on, event_id)
         select $1, * from unnest($2::uuid[], $3::timestamptz[], $4::text[], $5::bigint[], $6::date[], $7::uuid[])
         on conflict (receivable_id, version) do update set
             currency = excluded.currency, paid_minor = excluded.paid_minor,
             paid_on = excluded.paid_on, event_id = excluded.event_id",
    )
    .bind(connection_id)
    .bind(each.iter().map(|(id, _)| *id).collect::<Vec<_>>())
    .bind(each.iter().map(|(_, paid)| paid.version).collect::<Vec<_>>())
    .bind(each.iter().map(|(_, paid)| paid.currency.as_str()).collect::<Vec<_>>())
    .bind(each.iter().map(|(_, paid)| paid.paid_minor).collect::<Vec<_>>())
    .bind(each.iter().map(|(_, paid)| paid.paid_on).collect::<Vec<_>>())
    .bind(each.iter().map(|(_, paid)| paid.event_id).collect::<Vec<_>>())
    .execute(connection)
    .await
    .map(drop)
}
