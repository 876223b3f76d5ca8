//! Operators of enums that stand as words in Postgres.

use crate::query::filter::{Filter, Test};
use crate::query::table::Column;

/// The word that an enum's value has in Postgres.
pub(crate) trait Word: Copy + PartialEq + 'static {
    const ALL: &'static [Self];
    fn word(self) -> &'static str;
}

/// Conditions on a column of words, from the operators of its enum. As with other columns, `ne` and `none` also hold
/// where there is no value.
pub(crate) fn words<E: Word>(
    column: Column,
    eq: Option<E>,
    ne: Option<E>,
    any: Option<Vec<E>>,
    none: Option<Vec<E>>,
) -> Vec<Filter> {
    let these = |words: Vec<E>| words.into_iter().map(Word::word).collect();
    let others = |excluded: Vec<E>| {
        let others = E::ALL.iter().filter(|word| !excluded.contains(word));
        let others = Test::Words(others.map(|word| word.word()).collect());
        if column.nullable {
            let either = [others, Test::IsNull(true)].map(|test| Filter::Column(column, test));
            Filter::Or(either.into())
        } else {
            Filter::Column(column, others)
        }
    };
    let equal = [eq.map(|word| vec![word]), any].into_iter().flatten();
    let different = [ne.map(|word| vec![word]), none].into_iter().flatten();
    equal
        .map(|words| Filter::Column(column, Test::Words(these(words))))
        .chain(different.map(others))
        .collect()
}

/// An enum of words with its GraphQL names, and the operator object that compares it.
macro_rules! word_enum {
    ($(#[$doc:meta])* $name:ident, $filter:ident { $($values:tt)* }) => {
        $crate::query::operators::word_enum! { $(#[$doc])* $name { $($values)* } }

        #[doc = concat!("Compares a ", stringify!($name), "; all that is given must hold.")]
        #[derive(Debug, async_graphql::InputObject)]
        pub(crate) struct $filter {
            /// Equal.
            eq: Option<$name>,
            /// Different.
            ne: Option<$name>,
            /// Equal to one of these.
            r#in: Option<Vec<$name>>,
            /// Different from all of these.
            not_in: Option<Vec<$name>>,
        }

        impl $crate::query::operators::Operators for $filter {
            fn conditions(
                self,
                column: $crate::query::table::Column,
            ) -> $crate::error::Result<Vec<$crate::query::filter::Filter>> {
                let Self { eq, ne, r#in, not_in } = self;
                Ok($crate::query::operators::words(column, eq, ne, r#in, not_in))
            }
        }
    };
    ($(#[$doc:meta])* $name:ident {
        $(#[$first_doc:meta])* $first:ident = $first_word:literal,
        $($(#[$value_doc:meta])* $variant:ident = $word:literal,)*
    }) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, async_graphql::Enum, serde::Deserialize,
        )]
        pub(crate) enum $name {
            #[default]
            $(#[$first_doc])* #[serde(rename = $first_word)] $first,
            $($(#[$value_doc])* #[serde(rename = $word)] $variant,)*
        }

        impl $crate::query::operators::Word for $name {
            const ALL: &'static [Self] = &[Self::$first, $(Self::$variant,)*];

            fn word(self) -> &'static str {
                match self { Self::$first => $first_word, $(Self::$variant => $word,)* }
            }
        }
    };
}
pub(crate) use word_enum;
