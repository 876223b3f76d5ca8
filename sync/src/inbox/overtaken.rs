//! Events that newer ones overtook.
//!
//! An older event never overwrites what newer ones brought, and most of the time they brought all that it tells. Where
//! they did not (a key that only it carries, a field that it unset, a death before a return), the object is not what it
//! would be had the events come in their order, and has to be read again.

use sqlx::{Postgres, Transaction};
use uuid::Uuid;

/// Of overtaken events, those that tell of a key which no newer event of their object tells of. Where the inbox has no
/// newer event, the object was read as a whole and is complete.
const UNTOLD: &str = "
    select late.id
      from event late
     cross join lateral (
        select array_agg(newer.payload) as payloads, bool_or(newer.action = 'deleted') as died
          from event newer
         where newer.connection_id = late.connection_id and newer.object_id = late.object_id
           and newer.event_updated_at > late.event_updated_at
           and newer.action in ('created', 'updated', 'merged', 'deleted')
           and newer.state not in ('dead', 'discarded', 'ignored')
     ) newer
     where late.id = any($1) and newer.payloads is not null and not newer.died
       and exists (
        select from (
            select jsonb_object_keys(case jsonb_typeof(late.payload->'data') when 'object' then late.payload->'data' else '{}' end)
             union
            select jsonb_array_elements_text(
                case jsonb_typeof(late.payload->'changed_fields') when 'array' then late.payload->'changed_fields' else '[]' end)
        ) as told (key)
         where not exists (
            select from unnest(newer.payloads) as payload
             where payload->'data' ? told.key or payload->'changed_fields' ? told.key))";

/// The events among `overtaken` (by id) whose loss would show.
pub(super) async fn untold(
    transaction: &mut Transaction<'_, Postgres>,
    overtaken: &[Uuid],
) -> Result<Vec<Uuid>, sqlx::Error> {
    if overtaken.is_empty() {
        return Ok(Vec::new());
    }
    sqlx::query_scalar(UNTOLD)
        .bind(overtaken)
        .fetch_all(&mut **transaction)
        .await
}
