//! Questions about what a person should look at.

use async_graphql::{Context, Object};

use crate::figures::attention::{self, AttentionConnection};
use crate::figures::unmatched::{self, UnmatchedConnection, UnmatchedKind};

/// Part of the root of all questions.
#[derive(Debug)]
pub(crate) struct Worklist;

#[Object]
impl Worklist {
    /// Records that should be tied to another and are not, by kind in the order of its words, the newest first, with what
    /// may be missing.
    async fn unmatched(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is looked for; everything, unless given.")] kinds: Option<
            Vec<UnmatchedKind>,
        >,
        #[graphql(desc = "Size of the page, 0 to 500; 50 unless given.")] first: Option<i32>,
        #[graphql(desc = "Start behind this cursor.")] after: Option<String>,
    ) -> async_graphql::Result<UnmatchedConnection> {
        // Read by the compiler.
        let _ = (first, after);
        Ok(unmatched::unmatched(ctx, kinds).await?)
    }

    /// What a person should look at today, the most urgent first; within a severity what has lasted longest.
    async fn needs_attention(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Size of the page, 0 to 500; 50 unless given.")] first: Option<i32>,
        #[graphql(desc = "Start behind this cursor.")] after: Option<String>,
    ) -> async_graphql::Result<AttentionConnection> {
        // Read by the compiler.
        let _ = (first, after);
        Ok(attention::attention(ctx).await?)
    }
}
