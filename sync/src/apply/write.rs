//! One statement a table for everything that a batch changes.

use super::paid;
use super::queue::{Folded, Tombstone};
use super::trail::Trail;
use crate::mapping::{BoundQuery, Columns, FieldChange, Row};
use closegraph_entity::record::{RecordType, record_id};
use serde_json::Value;
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, PgConnection, Row as _};
use std::collections::{BTreeMap, HashMap};
use uuid::Uuid;

/// Writes it all into the caller's transaction.
pub(super) async fn write(
    connection: &mut PgConnection,
    connection_id: Uuid,
    folded: Folded,
) -> Result<(), sqlx::Error> {
    paid::write(connection, connection_id, &folded).await?;
    let (id, trail) = (connection_id, &folded.trail);
    write_objects(connection, id, folded.members, RecordType::Member, trail).await?;
    write_objects(connection, id, folded.companies, RecordType::Company, trail).await?;
    write_objects(connection, id, folded.people, RecordType::Person, trail).await?;
    write_objects(
        connection,
        id,
        folded.opportunities,
        RecordType::Opportunity,
        trail,
    )
    .await?;
    upsert(connection, connection_id, &folded.custom_records).await?;
    upsert(connection, connection_id, &folded.receivables).await?;
    upsert(connection, connection_id, &folded.lines).await?;
    upsert(connection, connection_id, &folded.transactions).await?;
    delete(connection, &folded.deleted).await?;
    remember(connection, connection_id, &folded.tombstones).await?;
    if !folded.restored.is_empty() {
        sqlx::query("delete from tombstone where record_id = any($1)")
            .bind(&folded.restored)
            .execute(&mut *connection)
            .await?;
    }
    let mut trail = folded.trail;
    tell_of_lines(connection, &mut trail).await?;
    trail.write(connection, connection_id).await
}

/// Lines may come before their invoice, and go after it: nothing is told of an invoice that is not there.
async fn tell_of_lines(
    connection: &mut PgConnection,
    trail: &mut Trail,
) -> Result<(), sqlx::Error> {
    let told = trail.told_of_lines();
    if told.is_empty() {
        return Ok(());
    }
    let there: Vec<Uuid> = sqlx::query_scalar("select id from receivable where id = any($1)")
        .bind(told)
        .fetch_all(connection)
        .await?;
    trail.keep_lines_of(&there.into_iter().collect());
    Ok(())
}

/// Writes rows of a type whose creation the trail tells. Of those that are created nothing is stored, and while they are
/// held nobody else can store it: Postgres need not look for a conflict, which it does at the price of half an insert.
async fn write_objects<C: Columns>(
    connection: &mut PgConnection,
    connection_id: Uuid,
    rows: Vec<Row<C>>,
    record_type: RecordType,
    trail: &Trail,
) -> Result<(), sqlx::Error> {
    let created = trail.created(record_type);
    let is_created = |row: &Row<C>| created.contains(&row.id);
    let (fresh, known): (Vec<_>, Vec<_>) = rows.into_iter().partition(is_created);
    if !fresh.is_empty() {
        // Put together from names in our own source only; every value is bound.
        let statement = sqlx::query(AssertSqlSafe(insert::<C>()));
        let query = bind(statement, connection_id, &fresh);
        query.execute(&mut *connection).await?;
    }
    upsert(connection, connection_id, &known).await
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
    let statement = sqlx::query(AssertSqlSafe(upserted::<C>()));
    let query = bind(statement, connection_id, rows);
    query.execute(connection).await.map(drop)
}

/// Rows that stand otherwise in their table, by id: what differs, `None` where there is no row at all.
pub(super) async fn differing<C: Columns>(
    connection: &mut PgConnection,
    connection_id: Uuid,
    rows: &[Row<C>],
) -> Result<HashMap<Uuid, Option<Vec<FieldChange>>>, sqlx::Error> {
    if rows.is_empty() {
        return Ok(HashMap::new());
    }
    let columns = || C::NAMES.iter().chain(&COMPARED);
    let object = |of: &str| {
        let pairs: Vec<String> = columns()
            .map(|(name, _, column)| format!("'{name}', {of}.{name}::{column}"))
            .collect();
        format!("jsonb_each(jsonb_build_object({}))", pairs.join(", "))
    };
    let statement = format!(
        "select new.id, stored.id is not null as known, difference.changes
           from {arrays}
           left join {table} stored on stored.id = new.id and stored.connection_id = $1
           cross join lateral (
                select jsonb_object_agg(key, jsonb_build_array(old.value, fresh.value)) as changes
                  from {old} old join {fresh} fresh using (key)
                 where old.value is distinct from fresh.value) difference
          where stored.id is null or difference.changes is not null",
        arrays = arrays::<C>(),
        table = C::TABLE,
        old = object("stored"),
        fresh = object("new"),
    );
    let statement = sqlx::query(AssertSqlSafe(statement));
    let found = bind(statement, connection_id, rows)
        .fetch_all(connection)
        .await?;
    let mut differing = HashMap::with_capacity(found.len());
    for row in found {
        type Changes = BTreeMap<String, (Value, Value)>;
        let changes: Option<Json<Changes>> = row.try_get("changes")?;
        let Json(mut changes) = changes.unwrap_or_default();
        let changes = columns().filter_map(|(name, _, _)| {
            let (old, fresh) = changes.remove(*name)?;
            Some((*name, old, fresh))
        });
        let known: bool = row.try_get("known")?;
        differing.insert(row.try_get("id")?, known.then(|| changes.collect()));
    }
    Ok(differing)
}

fn bind<'q, C: Columns>(
    query: BoundQuery<'q>,
    connection_id: Uuid,
    rows: &[Row<C>],
) -> BoundQuery<'q> {
    let query = query
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
    C::bind(rows, query)
}

type Column = (&'static str, &'static str, &'static str);

/// Columns that all tables share and that may differ while the object is the same.
const COMPARED: [Column; 2] = [
    ("custom", "text", "jsonb"),
    ("source_created_at", "timestamptz", "timestamptz"),
];

/// All columns that tables share, in the order in which they are bound.
const SHARED: [Column; 6] = [
    ("id", "uuid", "uuid"),
    ("close_id", "text", "text"),
    COMPARED[0],
    COMPARED[1],
    ("source_updated_at", "timestamptz", "timestamptz"),
    ("raw", "text", "jsonb"),
];

/// The bound rows, as the table `new`: one after the other, where `unnest` of several arrays at once would store them all
/// before the first is read.
fn arrays<C: Columns>() -> String {
    let all = || SHARED.iter().chain(C::NAMES);
    let columns: Vec<String> = all()
        .enumerate()
        .map(|(index, (name, element, _))| format!("unnest(${}::{element}[]) as {name}", index + 2))
        .collect();
    format!("(select {}) as new", columns.join(", "))
}

/// The columns of a table that are written.
fn kept<C: Columns>() -> impl Iterator<Item = &'static Column> {
    SHARED
        .iter()
        .chain(C::NAMES)
        .filter(|(name, _, _)| C::HAS_RAW || *name != "raw")
}

/// The statement that inserts rows: `$1` the connection, `$2`… one array a column.
fn insert<C: Columns>() -> String {
    let names: Vec<_> = kept::<C>().map(|(name, _, _)| *name).collect();
    let values: Vec<_> = kept::<C>()
        .map(|(name, _, column)| format!("new.{name}::{column}"))
        .collect();
    format!(
        "insert into {table} as stored (connection_id, {names}) select $1, {values} from {arrays}",
        table = C::TABLE,
        names = names.join(", "),
        values = values.join(", "),
        arrays = arrays::<C>(),
    )
}

/// The same, which brings rows up to date that are there.
fn upserted<C: Columns>() -> String {
    let updates: Vec<_> = kept::<C>()
        .map(|(name, _, _)| format!("{name} = excluded.{name}"))
        .collect();
    format!(
        "{insert} on conflict (id) do update set {updates}, synced_at = now()
          where stored.source_updated_at <= excluded.source_updated_at",
        insert = insert::<C>(),
        updates = updates.join(", "),
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
        (
            RecordType::Receivable,
            "delete from receivable where id = any($1)",
        ),
        (
            RecordType::CustomRecord,
            "delete from custom_record where id = any($1)",
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
             event_id = coalesce(excluded.event_id, known.event_id),
             purged_at = null",
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
