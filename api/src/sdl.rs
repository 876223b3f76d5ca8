//! The schema in GraphQL's own language, and what is read from it.

use async_graphql::SDLExportOptions;
use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{TypeDefinition, TypeSystemDefinition};

/// The schema in GraphQL's own language.
pub fn sdl() -> String {
    crate::schema()
        .finish()
        .sdl_with_options(SDLExportOptions::new().sorted_fields().sorted_enum_items())
}

/// The types of a schema. Of one that can't be read there are none; that ours can is shown by the tests.
pub(crate) fn types(sdl: &str) -> impl Iterator<Item = TypeDefinition> {
    let definitions = parse_schema(sdl).map(|document| document.definitions);
    let definitions = definitions.unwrap_or_default().into_iter();
    definitions.filter_map(|definition| match definition {
        TypeSystemDefinition::Type(definition) => Some(definition.node),
        _ => None,
    })
}
