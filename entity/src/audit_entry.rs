//! What happened to each mirrored record, when and why.

use sea_orm::entity::prelude::*;

/// One write to one record.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_entry")]
pub struct Model {
    /// Order of recording.
    #[sea_orm(primary_key)]
    pub seq: i64,
    pub connection_id: Uuid,
    pub record_type: super::record::RecordType,
    pub record_id: Uuid,
    pub close_id: String,
    pub action: super::record::ChangeAction,
    pub origin: super::record::Origin,
    /// When it happened in Close: the version that was written.
    pub at: DateTimeUtc,
    pub recorded_at: DateTimeUtc,
    /// Columns that changed; empty for created and deleted.
    pub changed_fields: Vec<String>,
    /// `{"column": {"from", "to"}}` for updates.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub changes: Option<Json>,
    pub event_id: Option<Uuid>,
    pub run_id: Option<Uuid>,
    /// The member who caused it, where Close says so.
    pub actor_id: Option<Uuid>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
