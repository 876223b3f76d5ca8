//! What all mirrored records share.

use async_graphql::{Enum, ID, Interface, Json, SimpleObject};
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::audit_entry::{AuditEntryConnection, AuditEntryFilter, AuditEntryOrder};
use super::company::Company;
use super::connection::Connection;
use super::event::Event;
use super::member::Member;
use super::opportunity::Opportunity;
use super::person::Person;
use super::receivable::Receivable;
use super::sync_run::SyncRun;
use super::transaction::Transaction;

/// A custom field that has a value.
#[derive(Debug, Default, Deserialize, SimpleObject)]
#[serde(default)]
pub(crate) struct CustomField {
    /// Id of the field in Close, `cf_…`.
    pub id: String,
    /// Its name in Close; the id where the definition is not known.
    pub name: String,
    /// Its type in Close: text, number, date, datetime, choices, user, contact, hidden and so on.
    pub r#type: Option<String>,
    /// Text, number or list, as Close sent it.
    pub value: Json<serde_json::Value>,
}

/// A record that mirrors one in Close.
#[expect(clippy::duplicated_attributes, reason = "fields of one type")]
#[derive(Debug, Deserialize, Interface)]
#[serde(tag = "type", content = "record")]
#[graphql(
    field(name = "id", ty = "&ID", desc = "Id in this deployment, a UUID."),
    field(name = "close_id", ty = "&String", desc = "Id in Close."),
    field(
        name = "source_url",
        ty = "&Option<String>",
        desc = "Link into Close's web application."
    ),
    field(
        name = "created_at",
        ty = "&Option<DateTime<Utc>>",
        desc = "When it was created in Close."
    ),
    field(
        name = "updated_at",
        ty = "&DateTime<Utc>",
        desc = "When it was last changed in Close: its version."
    ),
    field(
        name = "synced_at",
        ty = "&DateTime<Utc>",
        desc = "When the mirror last wrote it."
    ),
    field(
        name = "custom_fields",
        ty = "&Vec<CustomField>",
        desc = "Custom fields that have a value."
    ),
    field(
        name = "connection",
        ty = "&Connection",
        desc = "The organization that it is mirrored from."
    ),
    field(
        name = "audit_trail",
        ty = "&AuditEntryConnection",
        desc = "What happened to the record, the newest first.",
        arg(
            name = "first",
            ty = "Option<i32>",
            desc = "Size of the page, 0 to 500; 50 when neither first nor last is given."
        ),
        arg(
            name = "after",
            ty = "Option<String>",
            desc = "Start behind this cursor."
        ),
        arg(
            name = "last",
            ty = "Option<i32>",
            desc = "Size of the page, counted from the end."
        ),
        arg(
            name = "before",
            ty = "Option<String>",
            desc = "End before this cursor."
        ),
        arg(
            name = "filter",
            ty = "Option<AuditEntryFilter>",
            desc = "Only those of which all of this holds."
        ),
        arg(
            name = "order_by",
            ty = "Option<Vec<AuditEntryOrder>>",
            desc = "The keys of the order, the first the most important; the newest first, unless given."
        )
    )
)]
pub(crate) enum MirroredRecord {
    Company(Box<Company>),
    Person(Box<Person>),
    Opportunity(Box<Opportunity>),
    Transaction(Box<Transaction>),
    Receivable(Box<Receivable>),
    Member(Box<Member>),
}

impl Default for MirroredRecord {
    fn default() -> Self {
        Self::Company(Box::default())
    }
}

/// Anything that can be found by its id.
#[derive(Debug, Deserialize, Interface)]
#[serde(tag = "type", content = "record")]
#[graphql(field(name = "id", ty = "&ID", desc = "Id in this deployment, a UUID."))]
pub(crate) enum Node {
    Company(Box<Company>),
    Person(Box<Person>),
    Opportunity(Box<Opportunity>),
    Transaction(Box<Transaction>),
    Receivable(Box<Receivable>),
    Member(Box<Member>),
    Connection(Box<Connection>),
    Event(Box<Event>),
    SyncRun(Box<SyncRun>),
}

/// The kinds of mirrored records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Enum, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RecordType {
    /// A company: a lead.
    #[default]
    Company,
    /// A person: a contact.
    Person,
    /// A deal.
    Opportunity,
    /// A won deal or a payment.
    Transaction,
    /// An invoice.
    Receivable,
    /// A user.
    Member,
}

/// The fields that all mirrored tables have; `$url` is SQL of the link into Close.
macro_rules! shared_fields {
    ($url:expr $(, $field:expr)* $(,)?) => {
        &[
            Field("id", "{t}.id"),
            Field("closeId", "{t}.close_id"),
            Field("sourceUrl", $url),
            Field("createdAt", "{t}.source_created_at"),
            Field("updatedAt", "{t}.source_updated_at"),
            Field("syncedAt", "{t}.synced_at"),
            $($field,)*
        ]
    };
}
pub(crate) use shared_fields;

/// SQL of the custom fields of a type of records.
macro_rules! custom_fields {
    ($record_type:literal) => {
        concat!(
            "(select coalesce(json_agg(json_build_object('id', v.key, 'name', coalesce(f.name, v.key),
                                'type', f.type, 'value', v.value) order by f.position, v.key), '[]')
                from jsonb_each({t}.custom) v
                left join custom_field f on f.connection_id = {t}.connection_id
                      and f.record_type = '",
            $record_type,
            "' and f.close_id = v.key)"
        )
    };
}
pub(crate) use custom_fields;
