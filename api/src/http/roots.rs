//! What stands where a root field failed. async-graphql leaves the field out; the GraphQL specification (section 6.4.4,
//! handling execution errors) wants null there, and no data at all where the field may not be null: what clients
//! generate from the schema counts on it.

use super::order::Asked;
use crate::sdl::types;
use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::TypeKind;
use async_graphql::{Name, PathSegment, Response, Value};
use std::collections::HashSet;
use std::sync::Arc;

/// The root fields that may be null.
#[derive(Clone, Debug)]
pub(super) struct Roots(Arc<HashSet<Name>>);

impl Roots {
    /// Those of a schema in GraphQL's own language. Queries and mutations share no name.
    pub(super) fn of(sdl: &str) -> Self {
        let mut nullable = HashSet::new();
        for definition in types(sdl) {
            if let ("Query" | "Mutation", TypeKind::Object(object)) =
                (definition.name.node.as_str(), definition.kind)
            {
                let fields = object.fields.into_iter().map(|field| field.node);
                let fields = fields.filter(|field| field.ty.node.nullable);
                nullable.extend(fields.map(|field| field.name.node));
            }
        }
        Self(Arc::new(nullable))
    }

    /// Puts nulls where fields are missing that failed.
    pub(super) fn complete(&self, response: &mut Response, asked: &Asked) {
        for error in &response.errors {
            let Some(PathSegment::Field(key)) = error.path.first() else {
                continue;
            };
            let Some((key, field)) = asked.get_key_value(key.as_str()) else {
                continue;
            };
            if let Value::Null = response.data {
                response.data = Value::Object(IndexMap::new());
            }
            let Value::Object(data) = &mut response.data else {
                return;
            };
            if data.contains_key(key) {
                continue;
            }
            if !self.0.contains(field) {
                response.data = Value::Null;
                return;
            }
            data.insert(key.clone(), Value::Null);
        }
    }
}
