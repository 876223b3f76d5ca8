//! The order of a search: dates, numbers and texts of the objects themselves.

use std::cmp::Ordering;

use serde_json::Value;

use super::super::answer::Failure;
use super::candidate::Candidate;
use super::condition::Field;
use crate::world::store::Order;

/// Without any: last changed first.
#[derive(Debug)]
pub(super) struct Sorting(Vec<(Field, bool)>);

impl Sorting {
    pub(super) fn read(given: Option<&Value>) -> Result<Self, Failure> {
        let items = match given {
            None | Some(Value::Null) => return Ok(Self(Vec::new())),
            Some(Value::Array(items)) => items,
            Some(_) => return Err(Failure::field("sort", "Input should be a valid list")),
        };
        let keys = items.iter().map(|item| {
            let field = Field::read(item.get("field").unwrap_or(&Value::Null))?;
            match item.get("direction").and_then(Value::as_str) {
                Some("asc") => Ok((field, false)),
                Some("desc") => Ok((field, true)),
                _ => Err(Failure::field(
                    "sort",
                    "direction should be 'asc' or 'desc'",
                )),
            }
        });
        Ok(Self(keys.collect::<Result<_, _>>()?))
    }

    /// The kept order that serves this sorting, and whether backwards.
    pub(super) fn by_date(&self) -> Option<(Order, bool)> {
        match self.0.as_slice() {
            [] => Some((Order::Updated, true)),
            [(field, descending)] => Some((field.date()?, *descending)),
            _ => None,
        }
    }

    pub(super) fn apply(&self, candidates: &mut [Candidate<'_>]) {
        candidates.sort_by(|left, right| self.compare(left, right));
    }

    fn compare(&self, left: &Candidate<'_>, right: &Candidate<'_>) -> Ordering {
        for (field, descending) in &self.0 {
            let order = match field.date() {
                Some(Order::Created) => left.created.cmp(&right.created),
                Some(Order::Updated) => left.updated.cmp(&right.updated),
                None => values(field.value(left), field.value(right)),
            };
            let order = if *descending { order.reverse() } else { order };
            if order != Ordering::Equal {
                return order;
            }
        }
        if self.0.is_empty() {
            return right.updated.cmp(&left.updated);
        }
        (left.kind, left.place).cmp(&(right.kind, right.place))
    }
}

/// Numbers before texts, nulls before both.
fn values(left: &Value, right: &Value) -> Ordering {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left
            .as_f64()
            .unwrap_or(0.0)
            .total_cmp(&right.as_f64().unwrap_or(0.0)),
        (Value::String(left), Value::String(right)) => left.cmp(right),
        _ => {
            let rank = |value: &Value| match value {
                Value::Null => 0,
                Value::Number(_) => 1,
                _ => 2,
            };
            rank(left).cmp(&rank(right))
        }
    }
}
