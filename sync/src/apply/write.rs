//! One statement a table for everything that a batch changes.

use super::fold::{Folded, Tombstone};
use crate::mapping::{Columns, Row};
use closegraph_entity::record::{RecordType, record_id};
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

/// Writes it all into the caller's transaction.
pub(super) async fn write(
    connection: &mut PgConnection,
    connection_id: Uuid,
    folded: Folded,
) -> Result<(), sqlx::Error> {
    upsert(connection, connection_id, &folded.members).await?;
    upsert(connection, connection_id, &folded.companies).await?;
    upsert(connection, connection_id, &folded.people).await?;
    upsert(connection, connection_id, &folded.opportunities).await?;
    upsert(connection, connection_id, &folded.transactions).await?;
    delete(connection, &folded.deleted).await?;
    remember(connection, connection_id, &folded.tombstones).await?;
    if !folded.restored.is_empty() {
        sqlx::query("delete from tombstone where record_id = any($1)")
            .bind(&folded.restored)
            .execute(&mut *connection)
            .await?;
    }
    folded.trail.write(connection, connection_id).await
}

/// Inserts rows, or brings them up to date; an older version never overwrites a newer one.
async fn upsert<C: Columns>(
    connection: &mut PgConnection,
    connection_id: Uuid,
    rows: &[Row<C>],
) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    // Put together from names in our own source only; every value is bound.
    let statement = AssertSqlSafe(statement::<C>());
    let query = sqlx::query(statement)
        .bind(connection_id)
        .bind(rows.iter().map(|row| row.id).collect::<Vec<_>>())
        .bind(
            rows.iter()
                .map(|row| row.close_id.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(
            rows.iter()
                .map(|row| row.custom.0.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(
            rows.iter()
                .map(|row| row.source_created_at)
                .collect::<Vec<_>>(),
        )
        .bind(
            rows.iter()
                .map(|row| row.source_updated_at)
                .collect::<Vec<_>>(),
        )
        .bind(rows.iter().map(|row| row.raw.as_str()).collect::<Vec<_>>());
    C::bind(rows, query).execute(connection).await.map(drop)
}

/// The statement of a table: `$1` the connection, `$2`… one array a column.
fn statement<C: Columns>() -> String {
    let shared: [(&str, &str, &str); 6] = [
        ("id", "uuid", "uuid"),
        ("close_id", "text", "text"),
        ("custom", "text", "jsonb"),
        ("source_created_at", "timestamptz", "timestamptz"),
        ("source_updated_at", "timestamptz", "timestamptz"),
        ("raw", "text", "jsonb"),
    ];
    let all: Vec<_> = shared.iter().chain(C::NAMES).copied().collect();
    let kept: Vec<_> = all
        .iter()
        .filter(|(name, _, _)| C::HAS_RAW || *name != "raw")
        .collect();
    let names = |separator: &str, each: &dyn Fn(&str, &str) -> String| {
        kept.iter()
            .map(|(name, _, column)| each(name, column))
            .collect::<Vec<_>>()
            .join(separator)
    };
    let arrays: Vec<String> = all
        .iter()
        .enumerate()
        .map(|(index, (_, element, _))| format!("${}::{element}[]", index + 2))
        .collect();
    let aliases: Vec<&str> = all.iter().map(|(name, _, _)| *name).collect();
    format!(
        "insert into {table} as stored (connection_id, {columns})
         select $1, {values} from unnest({arrays}) as new ({aliases})
         on conflict (id) do update set {updates}, synced_at = now()
         where stored.source_updated_at <= excluded.source_updated_at",
        table = C::TABLE,
        columns = names(", ", &|name, _| name.to_owned()),
        values = names(", ", &|name, column| format!("new.{name}::{column}")),
        arrays = arrays.join(", "),
        aliases = aliases.join(", "),
        updates = names(", ", &|name, _| format!("{name} = excluded.{name}")),
    )
}

async fn delete(
    connection: &mut PgConnection,
    deleted: &[(RecordType, Uuid)],
) -> Result<(), sqlx::Error> {
    for (record_type, statement) in [
        (RecordType::Member, "delete from member where id = any($1)"),
        (
            RecordType::Company,
            "delete from company where id = any($1)",
        ),
        (RecordType::Person, "delete from person where id = any($1)"),
        (
            RecordType::Opportunity,
            "delete from opportunity where id = any($1)",
        ),
        (
            RecordType::Transaction,
            "delete from transaction where id = any($1)",
        ),
    ] {
        let ids: Vec<Uuid> = deleted
            .iter()
            .filter(|(of, _)| *of == record_type)
            .map(|(_, id)| *id)
            .collect();
        if !ids.is_empty() {
            sqlx::query(statement)
                .bind(ids)
                .execute(&mut *connection)
                .await?;
        }
    }
    Ok(())
}

/// Keeps deaths; of two, the newer version, and its alias where it has one.
async fn remember(
    connection: &mut PgConnection,
    connection_id: Uuid,
    tombstones: &[Tombstone],
) -> Result<(), sqlx::Error> {
    if tombstones.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = tombstones
        .iter()
        .map(|dead| record_id(connection_id, &dead.close_id))
        .collect();
    let merged_into =
        |dead: &Tombstone| Some(record_id(connection_id, dead.merged_into.as_deref()?));
    sqlx::query(
        "insert into tombstone as known
             (connection_id, record_id, record_type, close_id, version, merged_into_id, event_id)
         select $1, * from unnest($2::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::uuid[], $7::uuid[])
         on conflict (record_id) do update set
             version = greatest(known.version, excluded.version),
             merged_into_id = case when excluded.version >= known.version
                 then coalesce(excluded.merged_into_id, known.merged_into_id)
                 else coalesce(known.merged_into_id, excluded.merged_into_id) end,
             event_id = coalesce(excluded.event_id, known.event_id)",
    )
    .bind(connection_id)
    .bind(ids)
    .bind(tombstones.iter().map(|dead| dead.record_type.as_str()).collect::<Vec<_>>())
    .bind(tombstones.iter().map(|dead| dead.close_id.as_str()).collect::<Vec<_>>())
    .bind(tombstones.iter().map(|dead| dead.version).collect::<Vec<_>>())
    .bind(tombstones.iter().map(merged_into).collect::<Vec<_>>())
    .bind(tombstones.iter().map(|dead| dead.event_id).collect::<Vec<_>>())
    .execute(connection)
    .await
    .map(drop)
}
