//! Close objects to rows, one file an entity. Columns are a function of the raw object and the connection's settings,
//! so that a better mapping is a replay of what is kept.

mod category;
mod company;
mod invoice;
mod member;
mod money;
mod opportunity;
mod person;
mod row;
mod settings;
mod transaction;

pub use category::{Categories, CategoryRule, When};
pub(crate) use company::CompanyColumns;
pub(crate) use invoice::{
    CustomRecordColumns, LineColumns, Meaning, PaidAmount, ReceivableColumns, paid_amount,
};
pub(crate) use member::MemberColumns;
pub(crate) use opportunity::OpportunityColumns;
pub(crate) use person::PersonColumns;
pub(crate) use row::{BoundQuery, Columns, FieldChange, Json, Mapped, Row};
pub(crate) use transaction::{TransactionColumns, won_deal};

use crate::close::{Object, ObjectType};
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use closegraph_entity::invoice_mapping::InvoiceMapping;
use closegraph_entity::record::record_id;
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// Raised with every change of what the mapping makes of an object, so that deployments map again what they hold.
const VERSION: u32 = 3;

/// Characters of a text by which rows are found or ordered. Postgres holds no more than 2,704 bytes of a row in an index,
/// and a character takes up to four; longer texts are cut here, and stand whole in the raw object.
const LONGEST_INDEXED: usize = 500;

/// What mapping must know of a connection.
#[derive(Clone, Debug)]
pub struct MappingContext {
    pub connection_id: Uuid,
    /// ISO 4217, for objects that name none.
    pub currency: String,
    /// Decimal places of the integers in which Close sends money.
    pub value_exponent: u32,
    /// Names of statuses and pipelines by their ids, as the settings have them.
    pub labels: Arc<BTreeMap<String, String>>,
    /// Days of payments that have no date of their own are days in this zone.
    pub time_zone: Tz,
    /// How invoices are kept; `None` while there is no mapping in use.
    pub invoices: Option<Arc<InvoiceMapping>>,
    /// By which won deals get their category.
    pub categories: Arc<Categories>,
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

/// An object as a row, without a database.
#[derive(Clone, Debug)]
pub struct MappedObject {
    /// `{"cf_…": value}` of all custom values that are set, as JSON text.
    pub custom: String,
    /// The object itself, as JSON text.
    pub raw: String,
    /// The columns of the type by their names.
    pub columns: BTreeMap<&'static str, serde_json::Value>,
}

impl MappingContext {
    /// The id of the record that `key` names.
    fn reference(&self, object: &Object, key: &str) -> Option<Uuid> {
        Some(record_id(self.connection_id, &object.text(key)?))
    }

    /// What the status or pipeline that `key` names is called today; what the object says where the settings lack it.
    fn label(&self, object: &Object, key: &str, own: &str) -> Option<String> {
        let known = object
            .text(key)
            .and_then(|id| self.labels.get(&id).cloned());
        known.or_else(|| object.text(own)).map(indexed)
    }

    /// The day of an instant where the organization is.
    fn day(&self, at: DateTime<Utc>) -> NaiveDate {
        at.with_timezone(&self.time_zone).date_naive()
    }

    /// Changes whenever the same objects would be mapped to other rows.
    pub(crate) fn fingerprint(&self) -> Uuid {
        let settings = format!(
            "{VERSION} {} {} {:?} {} {:?} {:?}",
            self.currency,
            self.value_exponent,
            self.labels,
            self.time_zone,
            self.invoices,
            self.categories
        );
        Uuid::new_v5(&self.connection_id, settings.as_bytes())
    }

    /// What a row of the object would hold.
    pub fn columns(
        &self,
        object_type: ObjectType,
        object: &Object,
        close_id: &str,
        version: DateTime<Utc>,
    ) -> Result<MappedObject, MappingError> {
        fn of<C: Mapped>(row: Row<C>) -> MappedObject {
            let columns = row.columns.values().into_iter().collect();
            MappedObject {
                custom: row.custom.0,
                raw: row.raw,
                columns,
            }
        }
        Ok(match object_type {
            ObjectType::User => of(self.row::<MemberColumns>(object, close_id, version)?),
            ObjectType::Lead => of(self.row::<CompanyColumns>(object, close_id, version)?),
            ObjectType::Contact => of(self.row::<PersonColumns>(object, close_id, version)?),
            ObjectType::Opportunity => {
                of(self.row::<OpportunityColumns>(object, close_id, version)?)
            }
            ObjectType::CustomObject | ObjectType::CustomActivity => {
                of(self.row::<CustomRecordColumns>(object, close_id, version)?)
            }
        })
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

/// As much of a text as an index can hold.
fn indexed(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(LONGEST_INDEXED) {
        text.truncate(end);
    }
    text
}

/// `{"cf_…": value}` of all custom values that are set.
fn custom(object: &Object) -> Json {
    let values: BTreeMap<_, _> = object.custom_values().collect();
    Json::of(&values)
}
