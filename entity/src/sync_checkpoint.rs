//! Where each stream of a connection stands; written in the transaction of the rows that it covers.

use sea_orm::entity::prelude::*;

/// The position of one stream, for instance `backfill`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "sync_checkpoint")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub connection_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub stream: String,
    /// Shape as the stream defines it.
    #[sea_orm(column_type = "JsonBinary")]
    pub position: Json,
    pub run_id: Option<Uuid>,
    pub updated_at: DateTimeUtc,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
