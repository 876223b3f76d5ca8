//! How single values are written, by their type in the schema.

use std::collections::HashMap;
use std::sync::LazyLock;

use async_graphql::parser::types::{BaseType, Type, TypeKind};

use super::columns::Cell;
use super::json::Json;
use crate::error::{ApiError, Result};
use crate::schema::Money;
use crate::sdl::types;

/// How a column becomes JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaf {
    /// Text, or what stands as text in answers: ids, days, exact numbers.
    Text,
    /// A number or a truth value.
    Literal,
    /// An instant.
    Instant,
    /// A word of an enum.
    Word,
}

/// What the schema says of a field that is no list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    /// `None` of objects and the like.
    pub(super) leaf: Option<Leaf>,
    pub(super) nullable: bool,
}

type Fields = HashMap<String, HashMap<String, Known>>;

static FIELDS: LazyLock<Fields> = LazyLock::new(|| fields(&crate::sdl()));

impl Known {
    /// What is known of a field; `None` where it is a list.
    pub(super) fn of(type_name: &str, field: &str) -> Option<Self> {
        FIELDS.get(type_name)?.get(field).copied()
    }
}

/// The fields of a schema in GraphQL's own language.
fn fields(sdl: &str) -> Fields {
    let mut objects = Vec::new();
    let mut enums = Vec::new();
    for definition in types(sdl) {
        let name = definition.name.node.to_string();
        match definition.kind {
            TypeKind::Object(object) => objects.push((name, object.fields)),
            TypeKind::Enum(_) => enums.push(name),
            _ => {}
        }
    }
    let known = |ty: &Type| -> Option<Known> {
        let BaseType::Named(name) = &ty.base else {
            return None;
        };
        let leaf = match name.as_str() {
            "String" | "ID" | "Date" | "Decimal" | "BigInt" | "CurrencyCode" => Some(Leaf::Text),
            "Int" | "Boolean" => Some(Leaf::Literal),
            "DateTime" => Some(Leaf::Instant),
            name if enums.iter().any(|known| known == name) => Some(Leaf::Word),
            _ => None,
        };
        let nullable = ty.nullable;
        Some(Known { leaf, nullable })
    };
    objects
        .iter()
        .map(|(name, fields)| {
            let leaves = fields.iter().filter_map(|field| {
                let known = known(&field.node.ty.node)?;
                Some((field.node.name.node.to_string(), known))
            });
            (name.clone(), leaves.collect())
        })
        .collect()
}

impl Leaf {
    pub(super) fn write(self, json: &mut Json<'_>, cell: Cell<'_>) -> Result<()> {
        match (self, cell) {
            (Self::Word, Cell::Text(word)) => json.value(&word.to_ascii_uppercase()),
            (Self::Instant, Cell::Instant(at)) => json.value(&at.to_rfc3339()),
            (Self::Literal, Cell::Int(number)) => json.value(&number),
            (Self::Literal, Cell::Bool(value)) => json.value(&value),
            (Self::Text, Cell::Text(text)) => json.value(text),
            (Self::Text, Cell::Uuid(id)) => json.value(&id),
            (Self::Text, Cell::Date(day)) => json.value(&day),
            (Self::Text, Cell::Int(number)) => json.value(&number.to_string()),
            _ => Err(ApiError::Defect("a column of another type than its field")),
        }
    }
}

/// What can be asked of an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MoneyField {
    TypeName,
    Amount,
    MinorUnits,
    Currency,
    Formatted,
}

impl MoneyField {
    pub(super) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "__typename" => Self::TypeName,
            "amount" => Self::Amount,
            "minorUnits" => Self::MinorUnits,
            "currency" => Self::Currency,
            "formatted" => Self::Formatted,
            _ => return None,
        })
    }

    pub(super) fn write(self, json: &mut Json<'_>, money: &Money) -> Result<()> {
        match self {
            Self::TypeName => json.value("Money"),
            Self::Amount => json.value(&money.decimal()?.to_string()),
            Self::MinorUnits => json.value(&money.minor.to_string()),
            Self::Currency => json.value(&money.currency),
            Self::Formatted => json.value(&money.text()?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Known, Leaf, MoneyField, fields};

    #[test]
    fn every_field_of_money_is_known() {
        let sdl = crate::sdl();
        let money = sdl.split("\ntype Money {").nth(1).unwrap();
        let names = money.split("\n}").next().unwrap().lines();
        let names = names.filter_map(|line| line.trim().split_once(": ").map(|(name, _)| name));
        let names: Vec<_> = names.filter(|name| !name.contains(' ')).collect();
        assert_eq!(names.len(), 4, "{names:?}");
        assert!(names.iter().all(|name| MoneyField::of(name).is_some()));
    }

    #[test]
    fn leaves_are_told_by_the_schema() {
        let fields = fields(
            "enum Kind { A } type T { id: ID! kind: Kind at: DateTime! all: [String!]! of: T n: Int }",
        );
        let known = |name: &str| {
            fields["T"]
                .get(name)
                .map(|known| (known.leaf, known.nullable))
        };
        assert_eq!(known("id"), Some((Some(Leaf::Text), false)));
        assert_eq!(known("kind"), Some((Some(Leaf::Word), true)));
        assert_eq!(known("at"), Some((Some(Leaf::Instant), false)));
        assert_eq!(known("n"), Some((Some(Leaf::Literal), true)));
        assert_eq!(known("of"), Some((None, true)));
        assert_eq!(known("all"), None);
        assert!(Known::of("Company", "name").is_some());
    }
}
