//! What all processes know of how fast Close may be asked.

use sea_orm::entity::prelude::*;

/// The limiter of a connection's credential. It is lost in a crash of Postgres, and soon known again.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "rate_limit")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub connection_id: Uuid,
    /// Until when nobody asks, when the next request may go out, and what is left of Close's windows.
    #[sea_orm(column_type = "JsonBinary")]
    pub state: Json,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
