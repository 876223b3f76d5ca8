//! What is asked below a field: fragments and type conditions resolved, fields merged.
//!
//! Fields are merged by name and arguments rather than by response key, since two aliases may ask one relation for
//! different children. [`argument_key`] names a merged field in the answer, and resolvers compute the same key.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use async_graphql::parser::types::{
    Field, FragmentDefinition, OperationType, Selection as Item, VariableDefinition,
};
use async_graphql::{Context, Name, Pos, Positioned, QueryEnv, Value, Variables};

/// Type conditions that match every record.
const INTERFACES: [&str; 2] = ["Node", "MirroredRecord"];

/// The arguments of a field, variables resolved, nulls left out, by name.
#[derive(Debug, Default)]
pub(crate) struct Arguments(Vec<(Name, Value)>);

impl Arguments {
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0
            .iter()
            .find(|(found, _)| found.as_str() == name)
            .map(|(_, value)| value)
    }

    fn key(&self) -> String {
        if self.0.is_empty() {
            return String::new();
        }
        let mut hasher = DefaultHasher::new();
        for (name, value) in &self.0 {
            name.as_str().hash(&mut hasher);
            value.to_string().hash(&mut hasher);
        }
        format!("{:016x}", hasher.finish())
    }
}

#[derive(Clone, Copy)]
struct Document<'a> {
    fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>,
    definitions: &'a [Positioned<VariableDefinition>],
    variables: &'a Variables,
}

impl<'a> Document<'a> {
    fn of(ctx: &Context<'a>) -> Self {
        Self {
            fragments: &ctx.query_env.fragments,
            definitions: &ctx.query_env.operation.node.variable_definitions,
            variables: &ctx.query_env.variables,
        }
    }

    fn arguments(self, field: &Field) -> Arguments {
        let mut arguments: Vec<_> = field
            .arguments
            .iter()
            .filter_map(|(name, value)| {
                let value = value
                    .node
                    .clone()
                    .into_const_with(|name| Ok::<_, ()>(self.variable(&name)))
                    .ok()?;
                (value != Value::Null).then(|| (name.node.clone(), value))
            })
            .collect();
        arguments.sort_by(|(left, _), (right, _)| left.cmp(right));
        Arguments(arguments)
    }

    fn given_in(self, field: &Field, name: &str) -> bool {
        let arguments = self.arguments(field).0;
        let mut arguments = arguments.iter();
        arguments.any(|(argument, value)| argument == name || has_key(value, name))
            || self.given_below(&field.selection_set.node.items, name)
    }

    fn given_below(self, items: &[Positioned<Item>], name: &str) -> bool {
        items.iter().any(|item| match &item.node {
            Item::Field(field) => self.given_in(&field.node, name),
            Item::InlineFragment(fragment) => {
                self.given_below(&fragment.node.selection_set.node.items, name)
            }
            Item::FragmentSpread(spread) => self
                .fragments
                .get(&spread.node.fragment_name.node)
                .is_some_and(|fragment| {
                    self.given_below(&fragment.node.selection_set.node.items, name)
                }),
        })
    }

    /// Calls `found` with each field that is asked of a value of the type.
    fn each(
        self,
        items: &'a [Positioned<Item>],
        type_name: &str,
        found: &mut impl FnMut(&'a Field),
    ) {
        for item in items {
            match &item.node {
                Item::Field(field) => found(&field.node),
                Item::InlineFragment(fragment) => {
                    let condition = fragment.node.type_condition.as_ref();
                    if condition.is_none_or(|on| matches(on.node.on.node.as_str(), type_name)) {
                        self.each(&fragment.node.selection_set.node.items, type_name, found);
                    }
                }
                Item::FragmentSpread(spread) => {
                    let fragment = self.fragments.get(&spread.node.fragment_name.node);
                    if let Some(fragment) = fragment.map(|fragment| &fragment.node)
                        && matches(fragment.type_condition.node.on.node.as_str(), type_name)
                    {
                        self.each(&fragment.selection_set.node.items, type_name, found);
                    }
                }
            }
        }
    }

    fn variable(self, name: &Name) -> Value {
        self.variables.get(name).cloned().unwrap_or_else(|| {
            self.definitions
                .iter()
                .find(|definition| definition.node.name.node == *name)
                .and_then(|definition| definition.node.default_value().cloned())
                .unwrap_or_default()
        })
    }
}

fn has_key(value: &Value, name: &str) -> bool {
    match value {
        Value::List(items) => items.iter().any(|item| has_key(item, name)),
        Value::Object(entries) => {
            let mut entries = entries.iter();
            entries.any(|(key, value)| key == name || has_key(value, name))
        }
        _ => false,
    }
}

/// One or more occurrences of a field, seen as one.
#[derive(Clone)]
pub(crate) struct Selection<'a> {
    document: Document<'a>,
    fields: Vec<&'a Field>,
}

/// A field asked below another one.
pub(crate) struct Child<'a> {
    pub name: &'a str,
    pub arguments: Arguments,
    pub key: String,
    pub selection: Selection<'a>,
}

/// A field as it is answered: under its response key.
pub(crate) struct Asked<'a> {
    pub key: &'a str,
    pub name: &'a str,
    pub selection: Selection<'a>,
}

impl<'a> Selection<'a> {
    /// The field that is being resolved.
    pub(crate) fn of(ctx: &Context<'a>) -> Self {
        Self {
            document: Document::of(ctx),
            fields: vec![&ctx.item.node],
        }
    }

    /// The field of the root that is being resolved, with all others that are answered under its key.
    pub(crate) fn of_root(ctx: &Context<'a>) -> Self {
        let document = Document::of(ctx);
        let operation = &ctx.query_env.operation.node;
        let root = match operation.ty {
            OperationType::Query => "Query",
            OperationType::Mutation => "Mutation",
            OperationType::Subscription => "Subscription",
        };
        let key = &ctx.item.node.response_key().node;
        let mut fields = Vec::new();
        let mut add = |field: &'a Field| {
            if field.response_key().node == *key {
                fields.push(field);
            }
        };
        document.each(&operation.selection_set.node.items, root, &mut add);
        Self { document, fields }
    }

    /// The field with all that is asked of it; `None` of one that is nowhere asked.
    pub(crate) fn whole(&self) -> Option<Positioned<Field>> {
        let (first, more) = self.fields.split_first()?;
        let mut field = (*first).clone();
        for other in more {
            let items = other.selection_set.node.items.iter().cloned();
            field.selection_set.node.items.extend(items);
        }
        Some(Positioned::new(field, Pos::default()))
    }

    /// The field of a stream, whose items are compiled for long after it was asked.
    pub(crate) fn of_stream(query: &'a QueryEnv, field: &'a Field) -> Self {
        Self {
            document: Document {
                fragments: &query.fragments,
                definitions: &query.operation.node.variable_definitions,
                variables: &query.variables,
            },
            fields: vec![field],
        }
    }

    /// Its arguments.
    pub(crate) fn arguments(&self) -> Arguments {
        self.fields
            .first()
            .map(|field| self.document.arguments(field))
            .unwrap_or_default()
    }

    /// Whether an argument, here or below, is or has an entry of this name.
    pub(crate) fn gives(&self, name: &str) -> bool {
        let mut fields = self.fields.iter();
        fields.any(|field| self.document.given_in(field, name))
    }

    /// The same field with the occurrences of both.
    pub(crate) fn merge(&mut self, other: Self) {
        self.fields.extend(other.fields);
    }

    /// What is asked of a value of the type.
    pub(crate) fn children(&self, type_name: &str) -> Vec<Child<'a>> {
        let mut found: Vec<Child<'a>> = Vec::new();
        for field in &self.fields {
            let items = &field.selection_set.node.items;
            let mut add = |field| self.add(field, &mut found);
            self.document.each(items, type_name, &mut add);
        }
        found
    }

    /// What is asked of a value of the type, by response key, in the order of the answer.
    pub(crate) fn asked(&self, type_name: &str) -> Vec<Asked<'a>> {
        let mut found: Vec<Asked<'a>> = Vec::new();
        let mut add = |field: &'a Field| {
            let key = field.response_key().node.as_str();
            match found.iter_mut().find(|asked| asked.key == key) {
                Some(asked) => asked.selection.fields.push(field),
                None => found.push(Asked {
                    key,
                    name: field.name.node.as_str(),
                    selection: Selection {
                        document: self.document,
                        fields: vec![field],
                    },
                }),
            }
        };
        for field in &self.fields {
            let items = &field.selection_set.node.items;
            self.document.each(items, type_name, &mut add);
        }
        found
    }

    fn add(&self, field: &'a Field, found: &mut Vec<Child<'a>>) {
        let name = field.name.node.as_str();
        let arguments = self.document.arguments(field);
        let key = arguments.key();
        match found
            .iter_mut()
            .find(|child| child.name == name && child.key == key)
        {
            Some(child) => child.selection.fields.push(field),
            None => found.push(Child {
                name,
                arguments,
                key,
                selection: Selection {
                    document: self.document,
                    fields: vec![field],
                },
            }),
        }
    }
}

fn matches(condition: &str, type_name: &str) -> bool {
    condition == type_name || INTERFACES.contains(&condition)
}

/// The key under which the field that is being resolved stands in the answer.
pub(crate) fn argument_key(ctx: &Context<'_>) -> String {
    Document::of(ctx).arguments(&ctx.item.node).key()
}
