//! Relay connections over pages.

use async_graphql::SimpleObject;

/// Where a page stands in its list.
#[derive(Debug, SimpleObject)]
pub(crate) struct PageInfo {
    /// Whether records stand behind the last.
    pub has_next_page: bool,
    /// Whether records stand before the first.
    pub has_previous_page: bool,
    /// Cursor of the first record, for `before`.
    pub start_cursor: Option<String>,
    /// Cursor of the last record, for `after`.
    pub end_cursor: Option<String>,
}

/// Declares the connection and edge types of a record type; with `totals` where it carries money.
macro_rules! page_types {
    ($connection:ident, $edge:ident, $node:ty, $plain:literal $(, totals: $total:ty, $doc:literal)?) => {
        #[doc = concat!("A page of ", $plain, ".")]
        #[derive(Debug, Default, serde::Deserialize)]
        #[serde(transparent)]
        pub(crate) struct $connection($crate::query::page::RawPage<$node $(, $total)?>);

        #[doc = concat!("One of a page of ", $plain, ", with its cursor.")]
        #[derive(async_graphql::SimpleObject)]
        pub(crate) struct $edge<'a> {
            /// What `after` and `before` take.
            cursor: String,
            /// The record.
            node: &'a $node,
        }

        impl $connection {
            fn shown(&self) -> Vec<&$crate::query::page::RowOf<$node>> {
                let mut rows: Vec<_> = self.0.rows.iter().take(self.0.limit).collect();
                if self.0.backward {
                    rows.reverse();
                }
                rows
            }

            fn cursor(&self, row: &$crate::query::page::RowOf<$node>) -> String {
                $crate::query::cursor::encode(&self.0.order, row.k.as_deref().unwrap_or_default())
            }
        }

        #[doc = concat!("A page of ", $plain, ".")]
        #[async_graphql::Object]
        impl $connection {
            /// The records.
            async fn nodes(&self) -> Vec<&$node> {
                self.shown().into_iter().map(|row| &row.n).collect()
            }

            /// The records with their cursors.
            async fn edges(&self) -> Vec<$edge<'_>> {
                let edge = |row| $edge { cursor: self.cursor(row), node: &row.n };
                self.shown().into_iter().map(edge).collect()
            }

            /// Where the page stands.
            async fn page_info(&self) -> $crate::schema::page::PageInfo {
                let shown = self.shown();
                let more = self.0.rows.len() > self.0.limit;
                let (next, previous) =
                    if self.0.backward { (self.0.resumed, more) } else { (more, self.0.resumed) };
                $crate::schema::page::PageInfo {
                    has_next_page: next,
                    has_previous_page: previous,
                    start_cursor: shown.first().map(|row| self.cursor(row)),
                    end_cursor: shown.last().map(|row| self.cursor(row)),
                }
            }

            /// How many match the filter in all; counted only when asked for.
            async fn total_count(&self) -> i64 {
                self.0.total_count
            }

            $(
            #[doc = $doc]
            async fn totals(&self) -> &[$total] {
                &self.0.totals
            }
            )?
        }
    };
}
pub(crate) use page_types;

/// Declares the fields of a type that are pages; what was asked of them stands in the answer already.
macro_rules! pages_of {
    ($type:ident { $($(#[$doc:meta])* $field:ident: $connection:ty, $filter:ty, $order:ty;)* }) => {
        #[async_graphql::ComplexObject]
        impl $type {
            $(
            $(#[$doc])*
            #[expect(clippy::too_many_arguments, reason = "the arguments of a page")]
            pub(crate) async fn $field(
                &self,
                ctx: &async_graphql::Context<'_>,
                #[graphql(desc = "Size of the page, 0 to 500; 50 when neither first nor last is given.")]
                first: Option<i32>,
                #[graphql(desc = "Start behind this cursor.")] after: Option<String>,
                #[graphql(desc = "Size of the page, counted from the end.")] last: Option<i32>,
                #[graphql(desc = "End before this cursor.")] before: Option<String>,
                #[graphql(desc = "Only those of which all of this holds.")] filter: Option<$filter>,
                #[graphql(desc = "The keys of the order, the first the most important; the newest first, unless given.")]
                order_by: Option<Vec<$order>>,
            ) -> async_graphql::Result<&$connection> {
                // They were compiled into the statement of the root field.
                let _ = (first, after, last, before, filter, order_by);
                Ok(self.$field.get(ctx)?)
            }
            )*
        }
    };
}
pub(crate) use pages_of;
