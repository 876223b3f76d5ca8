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

use async_graphql::{EmptySubscription, Schema, SchemaBuilder};
use schema::{MirroredRecord, Mutation, Query};

type ApiSchema = Schema<Query, Mutation, EmptySubscription>;

fn schema() -> SchemaBuilder<Query, Mutation, EmptySubscription> {
    Schema::build(Query, Mutation, EmptySubscription)
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
