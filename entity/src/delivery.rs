//! The log of deliveries: what webhooks brought, until it is taken into the inbox.

use sea_orm::entity::prelude::*;

/// An acknowledged delivery. Unlike events, the same one may be here twice.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "delivery")]
pub struct Model {
    /// Order of arrival.
    #[sea_orm(primary_key)]
    pub seq: i64,
    /// Id of the event that it becomes.
    pub id: Uuid,
    pub connection_id: Uuid,
    /// The event object, without its envelope: text, since Postgres has not been asked whether it can hold it as JSON.
    pub payload: String,
    pub received_at: DateTimeUtc,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
