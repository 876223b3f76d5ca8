//! Postgres to GraphQL.
//!
//! A root field compiles what is asked below it into one SQL statement ([`query`]) over descriptions of the tables
//! ([`schema`]); resolvers only read its decoded answer. [`http`] serves it, [`token`] issues what callers show.

mod error;
mod figures;
mod http;
mod query;
mod schema;
mod scope;
pub mod token;

pub use error::ApiError;
pub use http::{Api, ApiOptions, Limits, router};
pub use query::run::STATEMENTS;

use async_graphql::{EmptyMutation, EmptySubscription, Schema, SchemaBuilder};
use schema::{MirroredRecord, Query};

type ApiSchema = Schema<Query, EmptyMutation, EmptySubscription>;

fn schema() -> SchemaBuilder<Query, EmptyMutation, EmptySubscription> {
    Schema::build(Query, EmptyMutation, EmptySubscription)
        .register_output_type::<MirroredRecord>()
        .disable_suggestions()
}

/// The schema in GraphQL's own language.
pub fn sdl() -> String {
    schema().finish().sdl_with_options(
        async_graphql::SDLExportOptions::new()
            .sorted_fields()
            .sorted_enum_items(),
    )
}
