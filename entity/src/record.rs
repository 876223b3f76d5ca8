//! What all mirrored records share: their kind, their computed id, and where a change came from.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// The kind of a mirrored record, as audit entries, the feed and tombstones name it.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    EnumIter,
    DeriveActiveEnum,
    Serialize,
    Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum RecordType {
    Member,
    Company,
    Person,
    Opportunity,
    Transaction,
    Receivable,
    /// A Custom Object or Custom Activity: not shown by itself, but as what it means.
    CustomRecord,
}

impl RecordType {
    /// The word stored in Postgres, which is also the table's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Company => "company",
            Self::Person => "person",
            Self::Opportunity => "opportunity",
            Self::Transaction => "transaction",
            Self::Receivable => "receivable",
            Self::CustomRecord => "custom_record",
        }
    }
}

/// What a write did to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, Serialize, Deserialize)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum ChangeAction {
    Created,
    Updated,
    Deleted,
}

impl ChangeAction {
    /// The word stored in Postgres.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
        }
    }
}

/// The way by which a change reached us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, Serialize, Deserialize)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A page of the first full load.
    Backfill,
    /// A signed delivery.
    Webhook,
    /// A page of Close's event log.
    EventLog,
    /// A changed-since search or a full comparison of ids.
    Sweep,
    /// One object read again by id, because its truth could not be told from what arrived.
    Reread,
    /// The kept object, mapped anew.
    Remap,
    /// A person decided it here.
    Person,
}

impl Origin {
    /// The word stored in Postgres.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Backfill => "backfill",
            Self::Webhook => "webhook",
            Self::EventLog => "event_log",
            Self::Sweep => "sweep",
            Self::Reread => "reread",
            Self::Remap => "remap",
            Self::Person => "person",
        }
    }
}

/// The id of a mirrored record: UUIDv5 of its connection and its Close id.
///
/// A child can therefore name its parent before the parent is known.
pub fn record_id(connection_id: Uuid, close_id: &str) -> Uuid {
    Uuid::new_v5(&connection_id, close_id.as_bytes())
}

/// The id of the transaction that a won opportunity is booked as.
///
/// It shares the opportunity's Close id, so its name carries the kind to keep the two ids apart.
pub fn won_deal_id(connection_id: Uuid, opportunity_close_id: &str) -> Uuid {
    Uuid::new_v5(
        &connection_id,
        format!("transaction/won_deal/{opportunity_close_id}").as_bytes(),
    )
}

/// The id of the transaction of an invoice's payment; `place` counts its payments from 1.
pub fn payment_id(connection_id: Uuid, invoice_close_id: &str, place: usize) -> Uuid {
    Uuid::new_v5(
        &connection_id,
        format!("transaction/invoice_payment/{invoice_close_id}/{place}").as_bytes(),
    )
}

/// The id of a line that stands in a field of its invoice; `place` counts its lines from 1.
pub fn line_id(connection_id: Uuid, invoice_close_id: &str, place: usize) -> Uuid {
    Uuid::new_v5(
        &connection_id,
        format!("receivable_line/{invoice_close_id}/{place}").as_bytes(),
    )
}
