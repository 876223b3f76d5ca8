//! The order of an answer's fields. async-graphql writes fields of one object as they get ready, and those of the root
//! wait for statements of their own; the GraphQL specification (section 7.2.2, serialized map ordering) wants them as
//! they were asked for.

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};
use async_graphql::{Name, Value};

/// Root fields by the names under which they are answered, in the order in which they are asked for.
pub(super) type Asked = IndexMap<Name, Name>;

/// The root fields of an operation. Without a name, of the only operation.
pub(super) fn asked(document: &ExecutableDocument, operation: Option<&str>) -> Asked {
    let mut names = Asked::new();
    let found = document.operations.iter().find(|(known, _)| {
        operation.is_none_or(|name| known.is_some_and(|known| known.as_str() == name))
    });
    if let Some((_, operation)) = found {
        let set = &operation.node.selection_set.node;
        collect(document, set, &mut Vec::new(), &mut names);
    }
    names
}

/// Puts the fields of an answer's data into an order.
pub(super) fn restore(data: &mut Value, order: &Asked) {
    if let Value::Object(fields) = data {
        // Keys that are unknown can't be; they would come last.
        fields.sort_by_cached_key(|name, _| order.get_index_of(name).unwrap_or(usize::MAX));
    }
}

fn collect<'a>(
    document: &'a ExecutableDocument,
    set: &'a SelectionSet,
    visited: &mut Vec<&'a Name>,
    names: &mut Asked,
) {
    for item in &set.items {
        match &item.node {
            Selection::Field(field) => {
                let key = field.node.response_key().node.clone();
                names.insert(key, field.node.name.node.clone());
            }
            Selection::InlineFragment(fragment) => {
                let set = &fragment.node.selection_set.node;
                collect(document, set, visited, names);
            }
            Selection::FragmentSpread(spread) => {
                let name = &spread.node.fragment_name.node;
                if !visited.contains(&name)
                    && let Some(fragment) = document.fragments.get(name)
                {
                    visited.push(name);
                    let set = &fragment.node.selection_set.node;
                    collect(document, set, visited, names);
                }
            }
        }
    }
}
