//! Close objects to rows, one file an entity. Columns are a function of the raw object and the connection's settings,
//! so that a better mapping is a replay of what is kept.

mod company;
mod member;
mod money;
mod opportunity;
mod person;
mod row;
mod transaction;

pub(crate) use company::CompanyColumns;
pub(crate) use member::MemberColumns;
pub(crate) use opportunity::OpportunityColumns;
pub(crate) use person::PersonColumns;
pub(crate) use row::{BoundQuery, Columns, FieldChange, Json, Mapped, Row};
pub(crate) use transaction::{TransactionColumns, won_deal};

use crate::close::Object;
use chrono::{DateTime, Utc};
use closegraph_entity::record::record_id;
use uuid::Uuid;

/// What mapping must know of a connection.
#[derive(Clone, Debug)]
pub struct MappingContext {
    pub connection_id: Uuid,
    /// ISO 4217, for objects that name none.
    pub currency: String,
    /// Decimal places of the integers in which Close sends money.
    pub value_exponent: u32,
}

/// Why an object can't become a row.
#[derive(Debug, thiserror::Error)]
pub enum MappingError {
    #[error("{field} is {given:?}, allowed: {allowed}")]
    Value {
        field: &'static str,
        given: String,
        allowed: &'static str,
    },
}

impl MappingContext {
    /// The id of the record that `key` names.
    fn reference(&self, object: &Object, key: &str) -> Option<Uuid> {
        Some(record_id(self.connection_id, &object.text(key)?))
    }

    /// A row of an object's columns, with what all rows share.
    pub(crate) fn row<C: Mapped>(
        &self,
        object: &Object,
        close_id: &str,
        version: DateTime<Utc>,
    ) -> Result<Row<C>, MappingError> {
        Ok(Row {
            id: record_id(self.connection_id, close_id),
            close_id: close_id.to_owned(),
            custom: custom(object),
            raw: object.to_json(),
            source_created_at: object.timestamp("date_created"),
            source_updated_at: version,
            columns: C::map(object, self)?,
        })
    }
}

/// `{"cf_…": value}` of all custom values that are set.
fn custom(object: &Object) -> Json {
    let values: std::collections::BTreeMap<_, _> = object.custom_values().collect();
    Json::of(&values)
}
