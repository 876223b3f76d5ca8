//! Which person is meant.

use super::SyncError;
use closegraph_entity::record::record_id;
use sqlx::PgPool;
use uuid::Uuid;

/// A person that something is held on, or was.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Person {
    /// Id of its record.
    pub id: Uuid,
    pub connection_id: Uuid,
    /// Id of the contact in Close.
    pub close_id: String,
}

/// By an address, in whatever letters: the first condition has an index.
const BY_EMAIL: &str = r"
    select p.id, p.connection_id, p.close_id from person p
     where lower(jsonb_path_query_array(p.emails, '$[*].email')::text)
             like '%' || replace(replace(replace(lower($1), '\', '\\'), '%', '\%'), '_', '\_') || '%'
       and exists (select from jsonb_array_elements(p.emails) e where lower(e ->> 'email') = lower($1))
       and ($2::uuid is null or p.connection_id = $2)
     order by p.connection_id, p.close_id";

/// By the ids that it can have in each connection: its row, its tombstone, or events of a contact that became no row.
const BY_ID: &str = "
    select distinct on (found.id) found.id, found.connection_id, found.close_id
      from (select id, connection_id, close_id from person where id = any($1)
            union all
            select record_id, connection_id, close_id from tombstone where record_id = any($1) and record_type = 'person'
            union all
            select n.id, n.connection_id, n.close_id from unnest($1, $3::uuid[], $4::text[]) as n (id, connection_id, close_id)
             where exists (select from event e where e.connection_id = n.connection_id and e.object_id = n.close_id
                              and e.object_type = 'contact')) found
     where $2::uuid is null or found.connection_id = $2
     order by found.id";

/// People by an id of ours, an id of Close, or an e-mail address; of one connection, or all.
pub async fn find_people(
    pool: &PgPool,
    named: &str,
    connection: Option<Uuid>,
) -> Result<Vec<Person>, SyncError> {
    let named = named.trim();
    if named.contains('@') {
        let found = sqlx::query_as(BY_EMAIL).bind(named).bind(connection);
        return Ok(found.fetch_all(pool).await?);
    }
    let (mut ids, mut connections, mut close_ids) = (Vec::new(), Vec::new(), Vec::new());
    if let Ok(id) = Uuid::parse_str(named) {
        ids.push(id);
    } else {
        let known: Vec<Uuid> = sqlx::query_scalar("select id from connection order by id")
            .fetch_all(pool)
            .await?;
        for id in known {
            ids.push(record_id(id, named));
            connections.push(id);
            close_ids.push(named);
        }
    }
    let found = sqlx::query_as(BY_ID)
        .bind(ids)
        .bind(connection)
        .bind(connections)
        .bind(close_ids);
    Ok(found.fetch_all(pool).await?)
}
