//! Query parameters: paging, filters, and the errors for wrong ones.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use chrono::NaiveDate;

use super::answer::Failure;
use crate::world::fields::Selection;
use crate::world::moment::Moment;
use crate::world::store::Window;

/// The parameters of one request, in their order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Params(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let query = parts.uri.query().unwrap_or_default();
        Ok(Self(
            url::form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
        ))
    }
}

impl Params {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(key, _)| key == name)?;
        Some(value)
    }

    /// A repeated or comma-separated parameter.
    pub(crate) fn list(&self, name: &str) -> Option<Vec<&str>> {
        let mut given = self.0.iter().filter(|(key, _)| key == name).peekable();
        given.peek()?;
        let items = given.flat_map(|(_, value)| value.split(','));
        Some(
            items
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .collect(),
        )
    }

    /// `name` or `name__in`, as one list.
    pub(crate) fn either(&self, name: &str) -> Option<Vec<&str>> {
        self.list(name)
            .or_else(|| self.list(&format!("{name}__in")))
    }

    fn whole(&self, name: &str, default: usize, max: usize) -> Result<usize, Failure> {
        let Some(given) = self.get(name) else {
            return Ok(default);
        };
        let number: i64 = given.parse().map_err(|_| {
            let message = "Input should be a valid integer, unable to parse string as an integer";
            Failure::field(name, message)
        })?;
        let too_large =
            || Failure::field(name, format!("Input should be less than or equal to {max}"));
        let number = usize::try_from(number)
            .map_err(|_| Failure::field(name, "Input should be greater than or equal to 0"))?;
        if number > max {
            Err(too_large())
        } else {
            Ok(number)
        }
    }

    pub(crate) fn limit(&self, default: usize, max: usize) -> Result<usize, Failure> {
        self.whole("_limit", default, max)
    }

    pub(crate) fn skip(&self, max: usize) -> Result<usize, Failure> {
        self.whole("_skip", 0, usize::MAX).and_then(|skip| {
            if skip <= max {
                return Ok(skip);
            }
            Err(Failure::field(
                "_skip",
                format!(
                    "The skip you set is larger than the maximum skip for this resource \
                     (max_skip = {max}). Please refine your search query."
                ),
            ))
        })
    }

    pub(crate) fn selection(&self) -> Selection {
        self.get("_fields")
            .map_or(Selection::Usual, Selection::parse)
    }

    /// `name__gt`, `__gte`, `__lt`, `__lte` and the exact form, on instants.
    pub(crate) fn window(&self, name: &str) -> Result<Window, Failure> {
        let mut window = Window::ALL;
        for (suffix, bound) in [
            ("", 0),
            ("__gte", 1),
            ("__gt", 2),
            ("__lt", 3),
            ("__lte", 4),
        ] {
            let key = format!("{name}{suffix}");
            let Some(given) = self.get(&key) else {
                continue;
            };
            let at = Moment::parse(given)
                .ok_or_else(|| Failure::field(&key, "Input should be a valid datetime"))?;
            let other = match bound {
                0 => Window {
                    from: at,
                    until: at.plus(1),
                },
                1 => Window {
                    from: at,
                    ..Window::ALL
                },
                2 => Window {
                    from: at.plus(1),
                    ..Window::ALL
                },
                3 => Window {
                    until: at,
                    ..Window::ALL
                },
                _ => Window {
                    until: at.plus(1),
                    ..Window::ALL
                },
            };
            window = window.and(other);
        }
        Ok(window)
    }

    /// The same on plain dates; the bounds are inclusive.
    pub(crate) fn dates(&self, name: &str) -> Result<Option<(NaiveDate, NaiveDate)>, Failure> {
        let (mut from, mut to, mut any) = (NaiveDate::MIN, NaiveDate::MAX, false);
        for (suffix, bound) in [
            ("", 0),
            ("__gte", 1),
            ("__gt", 2),
            ("__lt", 3),
            ("__lte", 4),
        ] {
            let key = format!("{name}{suffix}");
            let Some(given) = self.get(&key) else {
                continue;
            };
            let date = Moment::parse(given)
                .ok_or_else(|| Failure::field(&key, "Input should be a valid date"))?
                .date();
            any = true;
            let (before, after) = (
                date.pred_opt().unwrap_or(date),
                date.succ_opt().unwrap_or(date),
            );
            match bound {
                0 => (from, to) = (from.max(date), to.min(date)),
                1 => from = from.max(date),
                2 => from = from.max(after),
                3 => to = to.min(before),
                _ => to = to.min(date),
            }
        }
        Ok(any.then_some((from, to)))
    }
}
