//! What a request could cost, known before it is executed: a bound of the rows and fields of its answer.
//!
//! A list with pages counts as many rows as its page may have, any other list as [`LIST_ROWS`]; what is asked of a row
//! counts once a row. The lists of introspection count as long as the longest of their kind in the schema. Fragments are
//! priced once, so that the time is linear in the document.

use crate::query::compile::LIST_ROWS;
use crate::query::window::DEFAULT_PAGE;
use crate::schema::MAX_PAGE;
use crate::sdl;
use async_graphql::parser::types::{
    BaseType, ExecutableDocument, Field, FieldDefinition, OperationDefinition, OperationType,
    Selection, SelectionSet, Type, TypeKind,
};
use async_graphql::{Name, Value, Variables};
use std::collections::HashMap;
use std::sync::Arc;

/// A bound of what an answer holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cost {
    /// Entries of lists, records above all.
    pub(super) rows: u64,
    /// Values, each as often as it could stand in the answer.
    pub(super) fields: u64,
}

impl Cost {
    fn add(&mut self, other: Self) {
        self.rows = self.rows.saturating_add(other.rows);
        self.fields = self.fields.saturating_add(other.fields);
    }

    fn times(self, count: u64) -> Self {
        Self {
            rows: self.rows.saturating_mul(count),
            fields: self.fields.saturating_mul(count),
        }
    }
}

impl From<Cost> for Value {
    fn from(cost: Cost) -> Self {
        async_graphql::value!({"rows": (cost.rows), "fields": (cost.fields)})
    }
}

/// How long the value of a field may be.
#[derive(Clone, Copy, Debug)]
enum Length {
    One,
    /// Of a page, the rows that its `first` or `last` says.
    Page,
    /// A list that belongs to a page: as long as that.
    OfPage,
    /// A list that is as long as its `first` says.
    Sized,
    List(u64),
}

#[derive(Clone, Debug)]
struct Known {
    of: Name,
    length: Length,
}

/// What the fields of the schema can amount to.
#[derive(Clone, Debug)]
pub(super) struct Prices(Arc<HashMap<Name, HashMap<Name, Known>>>);

/// What is asked of one value: itself, and once more for each row of the page that the value may be.
#[derive(Clone, Copy, Default)]
struct Price {
    once: Cost,
    a_row: Cost,
}

impl Prices {
    /// The prices of a schema in GraphQL's own language. Of one that can't be read nothing has a price; that ours can is
    /// shown by the tests.
    pub(super) fn of(schema: &str) -> Self {
        let mut types = HashMap::new();
        let mut longest = Longest::default();
        for definition in sdl::types(schema) {
            longest.types += 1;
            let fields = match definition.kind {
                TypeKind::Object(object) => object.fields,
                TypeKind::Interface(interface) => interface.fields,
                TypeKind::Enum(of) => {
                    longest.see(of.values.len());
                    continue;
                }
                TypeKind::InputObject(input) => {
                    longest.see(input.fields.len());
                    continue;
                }
                TypeKind::Scalar | TypeKind::Union(_) => continue,
            };
            longest.see(fields.len());
            let is_page = fields
                .iter()
                .any(|field| field.node.name.node == "pageInfo");
            let known = fields.iter().map(|field| {
                longest.arguments = longest.arguments.max(field.node.arguments.len() as u64);
                (field.node.name.node.clone(), known(&field.node, is_page))
            });
            types.insert(definition.name.node, known.collect());
        }
        longest.describe(&mut types);
        Self(Arc::new(types))
    }

    /// The bound of the operation that would run; of all together where none is named.
    pub(super) fn bound(
        &self,
        document: &ExecutableDocument,
        name: Option<&str>,
        variables: &Variables,
    ) -> Cost {
        let mut whole = Cost::default();
        for (known, operation) in document.operations.iter() {
            if name.is_some_and(|name| known.is_some_and(|known| known.as_str() != name)) {
                continue;
            }
            let operation = &operation.node;
            let root = match operation.ty {
                OperationType::Query => "Query",
                OperationType::Mutation => "Mutation",
                OperationType::Subscription => "Subscription",
            };
            let mut pricing = Pricing {
                prices: self,
                document,
                operation,
                variables,
                fragments: HashMap::new(),
            };
            whole.add(pricing.price(&operation.selection_set.node, root).once);
        }
        whole
    }
}

fn known(field: &FieldDefinition, in_page: bool) -> Known {
    let takes = |name: &str| {
        field
            .arguments
            .iter()
            .any(|argument| argument.node.name.node == name)
    };
    let is_list = is_list(&field.ty.node);
    let length = match (is_list, in_page, field.name.node.as_str()) {
        (true, true, "nodes" | "edges") => Length::OfPage,
        (false, ..) if takes("first") => Length::Page,
        (true, ..) if takes("first") => Length::Sized,
        (true, ..) => Length::List(LIST_ROWS),
        _ => Length::One,
    };
    Known {
        of: innermost(&field.ty.node).clone(),
        length,
    }
}

fn is_list(of: &Type) -> bool {
    matches!(of.base, BaseType::List(_))
}

fn innermost(of: &Type) -> &Name {
    match &of.base {
        BaseType::Named(name) => name,
        BaseType::List(of) => innermost(of),
    }
}

/// The longest lists that introspection can answer.
#[derive(Default)]
struct Longest {
    types: u64,
    /// Fields, input fields or values of one type.
    entries: u64,
    arguments: u64,
}

impl Longest {
    fn see(&mut self, entries: usize) {
        self.entries = self.entries.max(entries as u64);
    }

    /// Adds the types of introspection, which stand in no schema.
    fn describe(&self, types: &mut HashMap<Name, HashMap<Name, Known>>) {
        let one = Length::One;
        let [all, entries, arguments] =
            [self.types, self.entries, self.arguments].map(Length::List);
        for (owner, field, of, length) in [
            ("Query", "__schema", "__Schema", one),
            ("Query", "__type", "__Type", one),
            ("__Schema", "types", "__Type", all),
            ("__Schema", "queryType", "__Type", one),
            ("__Schema", "mutationType", "__Type", one),
            ("__Schema", "subscriptionType", "__Type", one),
            (
                "__Schema",
                "directives",
                "__Directive",
                Length::List(LIST_ROWS),
            ),
            ("__Directive", "args", "__InputValue", arguments),
            ("__Type", "fields", "__Field", entries),
            ("__Type", "inputFields", "__InputValue", entries),
            ("__Type", "enumValues", "__EnumValue", entries),
            ("__Type", "interfaces", "__Type", Length::List(LIST_ROWS)),
            ("__Type", "possibleTypes", "__Type", Length::List(LIST_ROWS)),
            ("__Type", "ofType", "__Type", one),
            ("__Field", "args", "__InputValue", arguments),
            ("__Field", "type", "__Type", one),
            ("__InputValue", "type", "__Type", one),
        ] {
            let fields = types.entry(Name::new(owner)).or_default();
            let of = Name::new(of);
            fields.insert(Name::new(field), Known { of, length });
        }
    }
}

struct Pricing<'a> {
    prices: &'a Prices,
    document: &'a ExecutableDocument,
    operation: &'a OperationDefinition,
    variables: &'a Variables,
    fragments: HashMap<&'a Name, Price>,
}

impl<'a> Pricing<'a> {
    fn price(&mut self, set: &'a SelectionSet, of: &str) -> Price {
        let mut whole = Price::default();
        for item in &set.items {
            let one = match &item.node {
                Selection::Field(field) => self.field(&field.node, of),
                Selection::InlineFragment(fragment) => {
                    let condition = fragment.node.type_condition.as_ref();
                    let of = condition.map_or(of, |on| on.node.on.node.as_str());
                    self.price(&fragment.node.selection_set.node, of)
                }
                Selection::FragmentSpread(spread) => self.fragment(&spread.node.fragment_name.node),
            };
            whole.once.add(one.once);
            whole.a_row.add(one.a_row);
        }
        whole
    }

    /// Cycles were refused before.
    fn fragment(&mut self, name: &'a Name) -> Price {
        if let Some(known) = self.fragments.get(name) {
            return *known;
        }
        let Some(fragment) = self.document.fragments.get(name) else {
            return Price::default();
        };
        let of = &fragment.node.type_condition.node.on.node;
        let price = self.price(&fragment.node.selection_set.node, of);
        self.fragments.insert(name, price);
        price
    }

    fn field(&mut self, field: &'a Field, of: &str) -> Price {
        let prices = self.prices;
        let known = prices
            .0
            .get(of)
            .and_then(|fields| fields.get(&field.name.node));
        let itself = Cost { rows: 0, fields: 1 };
        let Some(known) = known else {
            // Of a type that validation refuses, or `__typename`.
            return Price {
                once: itself,
                a_row: Cost::default(),
            };
        };
        let below = self.price(&field.selection_set.node, &known.of);
        let entry = Cost {
            rows: below.once.rows.saturating_add(1),
            fields: below.once.fields,
        };
        let mut price = Price {
            once: itself,
            a_row: Cost::default(),
        };
        match known.length {
            Length::One => price.once.add(below.once),
            Length::Page => {
                price.once.add(below.once);
                price.once.add(below.a_row.times(self.size(field)));
            }
            Length::OfPage => price.a_row.add(entry),
            Length::Sized => price.once.add(entry.times(self.size(field))),
            // Of plain values there are no rows.
            Length::List(_) if field.selection_set.node.items.is_empty() => {}
            Length::List(length) => price.once.add(entry.times(length)),
        }
        price
    }

    /// The rows that a page may have. More than is allowed is refused by the list itself, which says so better.
    fn size(&self, field: &Field) -> u64 {
        let given = ["first", "last"]
            .into_iter()
            .filter_map(|name| field.get_argument(name))
            .filter_map(|value| {
                let value = value.node.clone();
                value.into_const_with(|name| self.variable(&name)).ok()
            })
            .find_map(|value| match value {
                Value::Number(number) => number.as_i64(),
                _ => None,
            });
        let size = given.unwrap_or(DEFAULT_PAGE).clamp(0, MAX_PAGE);
        size.unsigned_abs()
    }

    fn variable(&self, name: &Name) -> Result<Value, ()> {
        if let Some(value) = self.variables.get(name) {
            return Ok(value.clone());
        }
        let mut definitions = self.operation.variable_definitions.iter();
        let found = definitions.find(|definition| definition.node.name.node == *name);
        let default = found.and_then(|definition| definition.node.default_value());
        default.cloned().ok_or(())
    }
}
