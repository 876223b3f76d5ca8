//! The question for records of every type.

use async_graphql::{Context, Object};

use super::record::RecordType;
use crate::figures::search::{self, DEFAULT_FIRST, SearchResults};

/// Part of the root of all questions.
#[derive(Debug)]
pub(crate) struct Search;

#[Object]
impl Search {
    /// Records of every type by what a person knows of them: a name, with one slip in it; an e-mail address or its
    /// beginning; a domain; a telephone number in any spelling, such as "(555) 010-7788"; the number of an invoice; an id
    /// in Close, even an old one of a merged lead. The most alike first; of texts of one or two letters, what begins
    /// with them.
    async fn search(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is looked for, 1 to 200 letters, such as \"northwind\".")]
        query: String,
        #[graphql(desc = "The types of the records; all of them, unless given.")] types: Option<
            Vec<RecordType>,
        >,
        #[graphql(
            default_with = "Some(DEFAULT_FIRST)",
            desc = "So many records at most, 0 to 50."
        )]
        first: Option<i32>,
    ) -> async_graphql::Result<SearchResults> {
        Ok(search::search(ctx, &query, types, first.unwrap_or(DEFAULT_FIRST)).await?)
    }
}
