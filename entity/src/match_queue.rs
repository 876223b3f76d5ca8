//! Companies whose invoices or won deals changed, and are to be matched.

use sea_orm::entity::prelude::*;

/// A company that waits.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "match_queue")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub company_id: Uuid,
    pub connection_id: Uuid,
}

/// Queues the companies of `$1`, all of the connection `$2`. Until the transaction ends, no run takes them from the queue,
/// so that none misses what the transaction writes.
pub const QUEUE_AND_HOLD: &str = "
    insert into match_queue (company_id, connection_id) select distinct company, $2::uuid from unnest($1::uuid[]) company
     order by 1 on conflict (company_id) do update set connection_id = excluded.connection_id";

/// Queues all companies of the connection `$1` that have invoices.
pub const QUEUE_ALL: &str = "
    insert into match_queue (company_id, connection_id)
    select distinct company_id, connection_id from receivable where connection_id = $1 and company_id is not null
     order by 1 on conflict (company_id) do update set connection_id = excluded.connection_id";

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
