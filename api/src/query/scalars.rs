//! Scalars of arguments and answers.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use chrono::NaiveDate;

/// An integer of any size, as text, since JavaScript's numbers can't hold it. Given as text or as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BigInt(pub i128);

/// An integer of any size, as text, such as "1250000". Given as text or as a number.
#[Scalar]
impl ScalarType for BigInt {
    fn parse(value: Value) -> InputValueResult<Self> {
        let number = match &value {
            Value::String(text) => text.parse().ok(),
            Value::Number(number) => number.as_i64().map(i128::from),
            _ => None,
        };
        number
            .map(Self)
            .ok_or_else(|| InputValueError::custom("an integer is needed"))
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

/// A day, YYYY-MM-DD, without a time zone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(transparent)]
pub(crate) struct Date(pub NaiveDate);

/// A day, such as 2026-01-31, without a time zone.
#[Scalar]
impl ScalarType for Date {
    fn parse(value: Value) -> InputValueResult<Self> {
        let day = match &value {
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        day.map(Self)
            .ok_or_else(|| InputValueError::custom("a day is needed, such as 2026-01-31"))
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}
