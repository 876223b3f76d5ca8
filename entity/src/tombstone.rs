//! Records that are gone in Close, so that a late older update does not bring them back.

use sea_orm::entity::prelude::*;

/// The death of a record, with the version at which it died.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "tombstone")]
pub struct Model {
    /// The id that the record had.
    #[sea_orm(primary_key, auto_increment = false)]
    pub record_id: Uuid,
    pub connection_id: Uuid,
    pub record_type: super::record::RecordType,
    pub close_id: String,
    /// Updates up to this version are stale; a newer one restores the record.
    pub version: DateTimeUtc,
    /// Id of the record that it was merged into.
    pub merged_into_id: Option<Uuid>,
    pub event_id: Option<Uuid>,
    pub recorded_at: DateTimeUtc,
    /// When a person was forgotten: nothing of it but its ids is ever stored again.
    pub forgotten_at: Option<DateTimeUtc>,
    /// When the personal data of a person that is gone in Close was removed. A return in Close brings it back.
    pub purged_at: Option<DateTimeUtc>,
    /// The companies that a person who is forgotten is or was at.
    pub company_ids: Vec<Uuid>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
