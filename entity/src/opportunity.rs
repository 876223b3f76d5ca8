//! A deal: a Close opportunity in any status.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// An opportunity. While it is won it has a row in `transaction`, too.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "opportunity")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub connection_id: Uuid,
    pub close_id: String,
    pub company_id: Option<Uuid>,
    pub person_id: Option<Uuid>,
    pub owner_id: Option<Uuid>,
    pub status: Status,
    /// Close's `stat_…`.
    pub status_id: Option<String>,
    pub status_label: Option<String>,
    /// Close's `pipe_…`.
    pub pipeline_id: Option<String>,
    pub pipeline_name: Option<String>,
    /// Minor units of `currency`; null is unknown, not zero.
    pub value_minor: Option<i64>,
    /// ISO 4217.
    pub currency: String,
    pub value_period: ValuePeriod,
    /// Value times confidence, as Close computes it; minor units.
    pub expected_value_minor: Option<i64>,
    /// Monthly values times 12, others as they are; minor units.
    pub annualized_value_minor: Option<i64>,
    /// Per cent.
    pub confidence: Option<i16>,
    /// Estimated close date while the deal is not won.
    pub expected_on: Option<Date>,
    /// Date of the win, while the deal is won.
    pub won_on: Option<Date>,
    pub lost_at: Option<DateTimeUtc>,
    pub note: Option<String>,
    /// When it entered its present status, where that was witnessed.
    pub stage_entered_at: Option<DateTimeUtc>,
    /// Custom values by field id: `{"cf_…": value}`.
    #[sea_orm(column_type = "JsonBinary")]
    pub custom: Json,
    /// The object as Close sent it, so that a better mapping is a replay.
    #[sea_orm(column_type = "JsonBinary")]
    pub raw: Json,
    pub source_created_at: Option<DateTimeUtc>,
    /// The version of the record: Close's own `date_updated`, to the microsecond.
    pub source_updated_at: DateTimeUtc,
    pub synced_at: DateTimeUtc,
}

/// Close's `status_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, Serialize, Deserialize)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Active,
    Won,
    Lost,
}

impl Status {
    /// The word stored in Postgres.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Won => "won",
            Self::Lost => "lost",
        }
    }
}

/// How often a deal's value is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, Serialize, Deserialize)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum ValuePeriod {
    OneTime,
    Monthly,
    Annual,
}

impl ValuePeriod {
    /// The word stored in Postgres.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OneTime => "one_time",
            Self::Monthly => "monthly",
            Self::Annual => "annual",
        }
    }
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
