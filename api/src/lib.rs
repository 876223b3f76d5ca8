//! Postgres to GraphQL.
//!
//! A root field compiles what is asked below it into one SQL statement ([`query`]) over descriptions of the tables
//! ([`schema`]); resolvers only read its decoded answer. [`http`] serves it, [`live`] follows what commits change, [`token`]
//! issues what callers show.

mod access;
mod documents;
mod error;
mod figures;
mod http;
mod live;
mod query;
mod schema;
mod scope;
mod sdl;
pub mod token;
mod trial;

pub use access::{Actor, record_access};
pub use documents::{DocumentFault, Documents, KnownOperation};
pub use error::ApiError;
pub use http::{Api, ApiOptions, Introspection, Limits, OpenIdConnect, RequestId, SignIn, router};
pub use live::UNTOLD;
pub use query::run::STATEMENTS;
pub use query::sessions::Share;
pub use sdl::sdl;
pub use trial::{InvoiceTrial, Tried};

use async_graphql::{Schema, SchemaBuilder};
use schema::{MirroredRecord, Mutation, Query, ROOTS, Subscription};

type ApiSchema = Schema<Query, Mutation, Subscription>;

fn schema() -> SchemaBuilder<Query, Mutation, Subscription> {
    let (query, mutation) = ROOTS;
    Schema::build(query, mutation, Subscription)
        .register_output_type::<MirroredRecord>()
        .override_output_type_description::<rust_decimal::Decimal>(
            "An exact decimal number, as text, such as \"12500.00\", since JavaScript's numbers can't hold it.",
        )
        .disable_suggestions()
}

/// Describes the metrics of this crate to the recorder and puts them at zero, so that the first increase is seen.
pub fn describe_metrics() {
    metrics::describe_counter!(STATEMENTS, "SQL statements that GraphQL fields executed.");
    metrics::counter!(STATEMENTS).increment(0);
    live::describe_metrics();
    metrics::describe_counter!(http::ERRORS, "Errors in GraphQL answers, by code.");
    for code in ["INTERNAL", "TIMEOUT"] {
        metrics::counter!(http::ERRORS, "code" => code).increment(0);
    }
}
