//! The ordered feed of all changes, for caches, subscriptions and agents.

use sea_orm::entity::prelude::*;

/// Channel on which Postgres tells, in the commit that changes something, what it was: `feed` and a connection (an entry of
/// the feed), `data` and a connection (anything else that the API reads), or `access` (what tokens may see).
pub const CHANNEL: &str = "closegraph_feed";

/// One change. Readers stop below the oldest running transaction (`xid < pg_snapshot_xmin(…)`), so that a later commit with a lower number is never missed.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "change_feed")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub seq: i64,
    /// The transaction that wrote it.
    #[sea_orm(select_as = "text", save_as = "xid8")]
    pub xid: String,
    pub connection_id: Uuid,
    pub record_type: super::record::RecordType,
    pub record_id: Uuid,
    pub close_id: String,
    pub action: super::record::ChangeAction,
    pub changed_fields: Vec<String>,
    /// When it happened in Close: the version that was written.
    pub at: DateTimeUtc,
    /// When it was written here: the retention counts from then.
    pub recorded_at: DateTimeUtc,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
