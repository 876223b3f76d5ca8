//! Operators of what has an order: numbers, days, instants, texts.

use async_graphql::InputObject;
use chrono::{DateTime, Utc};
use rust_decimal::Decimal;

use super::{Equality, Operand, Operators, on};
use crate::error::{ApiError, Result};
use crate::query::filter::{Filter, Test, Value, Values};
use crate::query::period::{Period, Span};
use crate::query::scalars::{BigInt, Date};
use crate::query::table::Column;

/// A point in time, in microseconds.
type Instant = DateTime<Utc>;
/// Compares integers.
pub(crate) type IntFilter = Compare<i32>;
/// Compares integers of 64 bits, such as minor units of money.
pub(crate) type BigIntFilter = Compare<BigInt>;

/// Compares numbers, given as text or as numbers, exactly.
pub(crate) type DecimalFilter = Compare<Decimal>;

/// Compares with values; all that is given must hold.
#[derive(Debug, InputObject)]
#[graphql(
    concrete(name = "IntFilter", params(i32)),
    concrete(name = "BigIntFilter", params(BigInt)),
    concrete(name = "DecimalFilter", params(Decimal)),
    concrete(name = "TextComparison", params(String)),
    concrete(name = "DateComparison", params(Date)),
    concrete(name = "DateTimeComparison", params(Instant))
)]
pub(crate) struct Compare<T: Operand> {
    /// Equal.
    eq: Option<T>,
    /// Different, or without a value.
    ne: Option<T>,
    /// Equal to one of these.
    r#in: Option<Vec<T>>,
    /// Different from all of these, or without a value.
    not_in: Option<Vec<T>>,
    /// Less.
    lt: Option<T>,
    /// Less or equal.
    lte: Option<T>,
    /// Greater.
    gt: Option<T>,
    /// Greater or equal.
    gte: Option<T>,
    /// Without a value (true), or with one (false).
    is_null: Option<bool>,
}

impl<T: Operand> Compare<T> {
    pub(crate) fn tests(self) -> Result<Vec<Test>> {
        let mut tests = Equality {
            eq: self.eq,
            ne: self.ne,
            any: self.r#in,
            none: self.not_in,
            is_null: self.is_null,
        }
        .tests()?;
        let bounds = [
            ("<", self.lt),
            ("<=", self.lte),
            (">", self.gt),
            (">=", self.gte),
        ];
        for (operator, given) in bounds {
            if let Some(given) = given {
                tests.push(Test::Compare(operator, given.value()?));
            }
        }
        Ok(tests)
    }
}

impl<T: Operand> Operators for Compare<T> {
    fn conditions(self, column: Column) -> Result<Vec<Filter>> {
        Ok(on(column, self.tests()?))
    }
}

// A generic type can't be flattened into another.
macro_rules! time_filter {
    ($(#[$doc:meta])* $name:ident($operand:ty)) => {
        $(#[$doc])*
        #[derive(Debug, InputObject)]
        pub(crate) struct $name {
            #[graphql(flatten)]
            compare: Compare<$operand>,
            /// A period of the connection's own calendar.
            period: Option<Period>,
            /// That many days up to today, today included.
            last_days: Option<u32>,
            /// That many days from today on, today included.
            next_days: Option<u32>,
        }

        impl $name {
            pub(crate) fn tests(self) -> Result<Vec<Test>> {
                let mut tests = self.compare.tests()?;
                let spans = [
                    self.period.map(Span::Period),
                    self.last_days.map(Span::LastDays),
                    self.next_days.map(Span::NextDays),
                ];
                tests.extend(spans.into_iter().flatten().map(Test::Within));
                Ok(tests)
            }
        }

        impl Operators for $name {
            fn conditions(self, column: Column) -> Result<Vec<Filter>> {
                Ok(on(column, self.tests()?))
            }
        }
    };
}

time_filter!(
    /// Compares days; all that is given must hold.
    DateFilter(Date)
);
time_filter!(
    /// Compares instants; all that is given must hold.
    DateTimeFilter(Instant)
);

macro_rules! operand {
    ($type:ty as $variant:ident, $value:expr) => {
        impl Operand for $type {
            fn value(self) -> Result<Value> {
                let value: fn(Self) -> Result<_> = $value;
                value(self).map(Value::$variant)
            }

            fn values(all: Vec<Self>) -> Result<Values> {
                let values: Result<_> = all.into_iter().map($value).collect();
                values.map(Values::$variant)
            }
        }
    };
}
pub(super) use operand;

operand!(i32 as Int, |given| Ok(i64::from(given)));
operand!(BigInt as Int, |given| i64::try_from(given.0).map_err(
    |_| ApiError::BadInput(format!("{} is no integer of 64 bits", given.0))
));
operand!(Decimal as Number, Ok);
operand!(String as Text, Ok);
operand!(Date as Date, |given| Ok(given.0));
operand!(Instant as Instant, Ok);
