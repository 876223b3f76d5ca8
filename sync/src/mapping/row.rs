//! The shape that all mirrored rows share, and how a struct of columns becomes one set-based statement.

use super::{MappingContext, MappingError};
use crate::close::Object;
use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::Postgres;
use sqlx::postgres::PgArguments;
use uuid::Uuid;

/// A statement that is being bound.
pub(crate) type BoundQuery<'q> = sqlx::query::Query<'q, Postgres, PgArguments>;

/// JSON text for a jsonb column. Equal when it means the same, however it is spaced and ordered.
#[derive(Clone, Debug)]
pub(crate) struct Json(pub(crate) String);

impl Json {
    /// The JSON of a value; `null` should it have none.
    pub(crate) fn of<T: Serialize>(value: &T) -> Self {
        Self(serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned()))
    }

    /// Null for what is nested deeper, or a number larger, than a `Value` can hold.
    fn value(&self) -> serde_json::Value {
        serde_json::from_str(&self.0).unwrap_or_default()
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        let value = |json: &Self| serde_json::from_str::<serde_json::Value>(&json.0).ok();
        self.0 == other.0 || value(self).is_some_and(|own| Some(own) == value(other))
    }
}

impl Serialize for Json {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value().serialize(serializer)
    }
}

/// One row of a mirrored table.
#[derive(Clone, Debug)]
pub(crate) struct Row<C> {
    pub(crate) id: Uuid,
    pub(crate) close_id: String,
    pub(crate) custom: Json,
    /// The merged object as JSON text; not kept for derived rows.
    pub(crate) raw: String,
    pub(crate) source_created_at: Option<DateTime<Utc>>,
    pub(crate) source_updated_at: DateTime<Utc>,
    pub(crate) columns: C,
}

/// A column that differs: its name, the old and the new value.
pub(crate) type FieldChange = (&'static str, serde_json::Value, serde_json::Value);

/// The columns of a table that are its own.
pub(crate) trait Columns: Sized + Clone + std::fmt::Debug {
    const TABLE: &'static str;
    /// Whether the table keeps the raw object.
    const HAS_RAW: bool = true;
    /// Name, type of one bound element, type of the column.
    const NAMES: &'static [(&'static str, &'static str, &'static str)];

    /// Binds one array a column, in the order of `NAMES`.
    fn bind<'q>(rows: &[Row<Self>], query: BoundQuery<'q>) -> BoundQuery<'q>;

    /// All columns by their names.
    fn values(&self) -> Vec<(&'static str, serde_json::Value)>;

    /// The columns that differ.
    fn differences(&self, newer: &Self) -> Vec<FieldChange>;
}

/// Columns that are read off a Close object, rather than derived from another row.
pub(crate) trait Mapped: Columns {
    fn map(object: &Object, context: &MappingContext) -> Result<Self, MappingError>;
}

impl<C: Columns> Row<C> {
    /// All real columns that differ, custom values and creation date included.
    pub(crate) fn differences(&self, newer: &Self) -> Vec<FieldChange> {
        let mut changes = self.columns.differences(&newer.columns);
        if self.custom != newer.custom {
            changes.push(("custom", self.custom.value(), newer.custom.value()));
        }
        if self.source_created_at != newer.source_created_at {
            let (old, new) = (
                json(&self.source_created_at),
                json(&newer.source_created_at),
            );
            changes.push(("source_created_at", old, new));
        }
        changes
    }
}

pub(crate) fn json<T: Serialize>(value: &T) -> serde_json::Value {
    serde_json::to_value(value).unwrap_or_default()
}

/// Declares a struct of columns with its `NAMES`, `bind` and `differences`.
macro_rules! columns {
    (
        $(#[$doc:meta])*
        $name:ident in $table:literal, raw $raw:literal {
            $($field:ident: $rust:ty => $element:literal / $column:literal $(through $text:path)?,)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub(crate) struct $name {
            $(pub(crate) $field: $rust,)*
        }

        impl $crate::mapping::Columns for $name {
            const TABLE: &'static str = $table;
            const HAS_RAW: bool = $raw;
            const NAMES: &'static [(&'static str, &'static str, &'static str)] =
                &[$((stringify!($field), $element, $column),)*];

            fn bind<'q>(
                rows: &[$crate::mapping::Row<Self>],
                query: $crate::mapping::BoundQuery<'q>,
            ) -> $crate::mapping::BoundQuery<'q> {
                $(let query = query.bind(
                    rows.iter()
                        .map(|row| $crate::mapping::row::columns!(@value row.columns.$field $(, $text)?))
                        .collect::<Vec<_>>(),
                );)*
                query
            }

            fn values(&self) -> Vec<(&'static str, serde_json::Value)> {
                vec![$((stringify!($field), $crate::mapping::row::json(&self.$field)),)*]
            }

            fn differences(&self, newer: &Self) -> Vec<$crate::mapping::FieldChange> {
                let mut changes = Vec::new();
                $(if self.$field != newer.$field {
                    changes.push((
                        stringify!($field),
                        $crate::mapping::row::json(&self.$field),
                        $crate::mapping::row::json(&newer.$field),
                    ));
                })*
                changes
            }
        }
    };
    (@value $value:expr) => { $value.clone() };
    (@value $value:expr, $text:path) => { $text(&$value) };
}
pub(crate) use columns;

/// The text to bind for a jsonb column.
pub(crate) fn json_text(value: &Json) -> String {
    value.0.clone()
}
