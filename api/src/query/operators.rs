//! The operator objects of filters, and how they become conditions.

use async_graphql::{
    ID, InputObject, InputType, InputValueError, InputValueResult, Scalar, ScalarType,
    Value as Given,
};
use chrono::{DateTime, NaiveDate, Utc};

use super::filter::{Filter, Test, Value, Values};
use super::period::{Period, Span};
use super::table::Column;

/// An integer of 64 bits, as text, since JavaScript's numbers can't hold it. Given as text or as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BigInt(pub i64);

#[Scalar]
impl ScalarType for BigInt {
    fn parse(value: Given) -> InputValueResult<Self> {
        let number = match &value {
            Given::String(text) => text.parse().ok(),
            Given::Number(number) => number.as_i64(),
            _ => None,
        };
        number
            .map(Self)
            .ok_or_else(|| InputValueError::custom("an integer of 64 bits is needed"))
    }

    fn to_value(&self) -> Given {
        Given::String(self.0.to_string())
    }
}

/// A day, YYYY-MM-DD, without a time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(transparent)]
pub(crate) struct Date(pub NaiveDate);

#[Scalar]
impl ScalarType for Date {
    fn parse(value: Given) -> InputValueResult<Self> {
        let day = match &value {
            Given::String(text) => text.parse().ok(),
            _ => None,
        };
        day.map(Self)
            .ok_or_else(|| InputValueError::custom("a day is needed, such as 2026-01-31"))
    }

    fn to_value(&self) -> Given {
        Given::String(self.0.to_string())
    }
}

/// An operator object: the conditions that it puts on a column.
pub(crate) trait Operators {
    fn conditions(self, column: Column) -> Vec<Filter>;
}

fn push(conditions: &mut Vec<Filter>, column: Column, test: Option<Test>) {
    conditions.extend(test.map(|test| Filter::Column(column, test)));
}

/// Compares texts; `contains`, `startsWith` and `endsWith` ignore case.
#[derive(Debug, Default, InputObject)]
pub(crate) struct TextFilter {
    eq: Option<String>,
    ne: Option<String>,
    r#in: Option<Vec<String>>,
    not_in: Option<Vec<String>>,
    lt: Option<String>,
    lte: Option<String>,
    gt: Option<String>,
    gte: Option<String>,
    is_null: Option<bool>,
    contains: Option<String>,
    starts_with: Option<String>,
    ends_with: Option<String>,
}

impl Operators for TextFilter {
    fn conditions(self, column: Column) -> Vec<Filter> {
        let mut all = Vec::new();
        let compared = [
            ("=", self.eq),
            ("<>", self.ne),
            ("<", self.lt),
            ("<=", self.lte),
            (">", self.gt),
            (">=", self.gte),
        ];
        for (operator, text) in compared {
            push(
                &mut all,
                column,
                text.map(|text| Test::Compare(operator, Value::Text(text))),
            );
        }
        push(
            &mut all,
            column,
            self.r#in.map(|texts| Test::AnyOf(Values::Text(texts))),
        );
        push(
            &mut all,
            column,
            self.not_in.map(|texts| Test::NoneOf(Values::Text(texts))),
        );
        push(&mut all, column, self.is_null.map(Test::IsNull));
        let patterns = [
            ("%", self.contains, "%"),
            ("", self.starts_with, "%"),
            ("%", self.ends_with, ""),
        ];
        for (before, text, after) in patterns {
            let like = text.map(|text| Test::Like(format!("{before}{}{after}", escape(&text))));
            push(&mut all, column, like);
        }
        all
    }
}

/// Text in which LIKE sees no wildcard.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('%', "\\%")
        .replace('_', "\\_")
}

/// Finds records by their id in Close.
#[derive(Debug, Default, InputObject)]
pub(crate) struct CloseIdFilter {
    eq: Option<String>,
    r#in: Option<Vec<String>>,
}

impl CloseIdFilter {
    pub(crate) fn conditions(self) -> Vec<Filter> {
        let lists = [self.eq.map(|id| vec![id]), self.r#in];
        lists.into_iter().flatten().map(Filter::CloseIds).collect()
    }
}

macro_rules! ordered {
    ($(#[$doc:meta])* $name:ident($type:ty) as $variant:ident, $value:expr) => {
        $(#[$doc])*
        #[derive(Debug, Default, InputObject)]
        pub(crate) struct $name {
            eq: Option<$type>,
            ne: Option<$type>,
            r#in: Option<Vec<$type>>,
            not_in: Option<Vec<$type>>,
            lt: Option<$type>,
            lte: Option<$type>,
            gt: Option<$type>,
            gte: Option<$type>,
            is_null: Option<bool>,
        }

        impl Operators for $name {
            fn conditions(self, column: Column) -> Vec<Filter> {
                let value = $value;
                let mut all = Vec::new();
                let compared = [
                    ("=", self.eq), ("<>", self.ne), ("<", self.lt), ("<=", self.lte),
                    (">", self.gt), (">=", self.gte),
                ];
                for (operator, given) in compared {
                    let test = given.map(|given| Test::Compare(operator, Value::$variant(value(given))));
                    push(&mut all, column, test);
                }
                let list = |given: Vec<$type>| Values::$variant(given.into_iter().map(value).collect());
                push(&mut all, column, self.r#in.map(|given| Test::AnyOf(list(given))));
                push(&mut all, column, self.not_in.map(|given| Test::NoneOf(list(given))));
                push(&mut all, column, self.is_null.map(Test::IsNull));
                all
            }
        }
    };
}

ordered!(
    /// Compares integers.
    IntFilter(i32) as Int, i64::from
);
ordered!(
    /// Compares integers of 64 bits, such as minor units of money.
    BigIntFilter(BigInt) as Int, |given: BigInt| given.0
);

macro_rules! dated {
    ($(#[$doc:meta])* $name:ident($type:ty) as $variant:ident, $value:expr) => {
        $(#[$doc])*
        #[derive(Debug, Default, InputObject)]
        pub(crate) struct $name {
            eq: Option<$type>,
            ne: Option<$type>,
            r#in: Option<Vec<$type>>,
            not_in: Option<Vec<$type>>,
            lt: Option<$type>,
            lte: Option<$type>,
            gt: Option<$type>,
            gte: Option<$type>,
            is_null: Option<bool>,
            /// A period of the connection's own calendar.
            period: Option<Period>,
            /// That many days up to today, today included.
            last_days: Option<u32>,
            /// That many days from today on, today included.
            next_days: Option<u32>,
        }

        impl Operators for $name {
            fn conditions(self, column: Column) -> Vec<Filter> {
                let value = $value;
                let mut all = Vec::new();
                let compared = [
                    ("=", self.eq), ("<>", self.ne), ("<", self.lt), ("<=", self.lte),
                    (">", self.gt), (">=", self.gte),
                ];
                for (operator, given) in compared {
                    push(&mut all, column, given.map(|given| Test::Compare(operator, Value::$variant(value(given)))));
                }
                push(&mut all, column, self.r#in.map(|given| Test::AnyOf(Values::$variant(given.into_iter().map(value).collect()))));
                push(&mut all, column, self.not_in.map(|given| Test::NoneOf(Values::$variant(given.into_iter().map(value).collect()))));
                push(&mut all, column, self.is_null.map(Test::IsNull));
                let spans = [
                    self.period.map(Span::Period),
                    self.last_days.map(Span::LastDays),
                    self.next_days.map(Span::NextDays),
                ];
                for span in spans {
                    push(&mut all, column, span.map(Test::Within));
                }
                all
            }
        }
    };
}

dated!(
    /// Compares days.
    DateFilter(Date) as Date, |given: Date| given.0
);
dated!(
    /// Compares instants.
    DateTimeFilter(DateTime<Utc>) as Instant, std::convert::identity
);

/// Compares ids.
#[derive(Debug, Default, InputObject)]
pub(crate) struct IdFilter {
    eq: Option<ID>,
    r#in: Option<Vec<ID>>,
}

impl Operators for IdFilter {
    fn conditions(self, column: Column) -> Vec<Filter> {
        // What is no id of ours can't be found: nil stands for it.
        let value = |id: ID| id.parse().unwrap_or_default();
        let mut all = Vec::new();
        push(
            &mut all,
            column,
            self.eq.map(|id| Test::Compare("=", Value::Uuid(value(id)))),
        );
        let list = |ids: Vec<ID>| Values::Uuid(ids.into_iter().map(value).collect());
        push(
            &mut all,
            column,
            self.r#in.map(|ids| Test::AnyOf(list(ids))),
        );
        all
    }
}

/// The word that an enum's value has in Postgres.
pub(crate) trait Word: Copy + PartialEq + 'static {
    const ALL: &'static [Self];
    fn word(self) -> &'static str;
}

/// Conditions on a column of words, from the operators of its enum.
pub(crate) fn words<E: Word>(
    column: Column,
    eq: Option<E>,
    ne: Option<E>,
    any: Option<Vec<E>>,
    none: Option<Vec<E>>,
) -> Vec<Filter> {
    let mut all = Vec::new();
    let others = |excluded: &[E]| {
        E::ALL
            .iter()
            .filter(|word| !excluded.contains(word))
            .map(|word| word.word())
            .collect()
    };
    push(
        &mut all,
        column,
        eq.map(|word| Test::Words(vec![word.word()])),
    );
    push(
        &mut all,
        column,
        ne.map(|word| Test::Words(others(&[word]))),
    );
    push(
        &mut all,
        column,
        any.map(|words| Test::Words(words.iter().map(|word| word.word()).collect())),
    );
    push(
        &mut all,
        column,
        none.map(|words| Test::Words(others(&words))),
    );
    all
}

/// An enum of words with its GraphQL names, and the operator object that compares it.
macro_rules! word_enum {
    ($(#[$doc:meta])* $name:ident, $filter:ident { $($values:tt)* }) => {
        $crate::query::operators::word_enum! { $(#[$doc])* $name { $($values)* } }

        #[doc = concat!("Compares a ", stringify!($name), ".")]
        #[derive(Debug, Default, async_graphql::InputObject)]
        pub(crate) struct $filter {
            eq: Option<$name>,
            ne: Option<$name>,
            r#in: Option<Vec<$name>>,
            not_in: Option<Vec<$name>>,
        }

        impl $crate::query::operators::Operators for $filter {
            fn conditions(
                self,
                column: $crate::query::table::Column,
            ) -> Vec<$crate::query::filter::Filter> {
                $crate::query::operators::words(column, self.eq, self.ne, self.r#in, self.not_in)
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

/// Reads an argument's value as its input type.
pub(crate) fn read<T: InputType>(value: Option<&Given>) -> crate::error::Result<Option<T>> {
    let Some(value) = value else { return Ok(None) };
    T::parse(Some(value.clone())).map(Some).map_err(|error| {
        crate::error::ApiError::BadInput(
            error
                .into_server_error(async_graphql::Pos::default())
                .message,
        )
    })
}
