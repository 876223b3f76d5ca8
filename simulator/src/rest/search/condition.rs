//! Conditions on one field of an object.

use serde_json::{Map, Value};

use super::super::answer::Failure;
use super::candidate::Candidate;
use super::moments::{self, Zone};
use crate::world::moment::Moment;
use crate::world::records::Kind;
use crate::world::store::{Order, Window};

fn wrong(message: &str) -> Failure {
    Failure::field("query", message)
}

fn text<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name).and_then(Value::as_str)
}

/// A regular or custom field.
#[derive(Debug, Clone)]
pub(super) struct Field {
    on: Option<Kind>,
    key: String,
}

impl Field {
    pub(super) fn read(value: &Value) -> Result<Self, Failure> {
        match text(value, "type") {
            Some("regular_field") => {
                let key = text(value, "field_name");
                let key = key
                    .ok_or_else(|| wrong("field_name is required."))?
                    .to_owned();
                let on = text(value, "object_type");
                let on = on.ok_or_else(|| wrong("object_type is required."))?;
                let kind = Kind::parse(on);
                Ok(Self {
                    on: Some(kind.ok_or_else(|| wrong("Unknown object_type."))?),
                    key,
                })
            }
            Some("custom_field") => {
                let id = text(value, "custom_field_id");
                let id = id.ok_or_else(|| wrong("custom_field_id is required."))?;
                Ok(Self {
                    on: None,
                    key: format!("custom.{id}"),
                })
            }
            _ => Err(wrong("Unknown type of field.")),
        }
    }

    pub(super) fn on(&self) -> Option<Kind> {
        self.on
    }

    /// The kept order of this date, when it is one.
    pub(super) fn date(&self) -> Option<Order> {
        match self.key.as_str() {
            "date_created" => Some(Order::Created),
            "date_updated" => Some(Order::Updated),
            _ => None,
        }
    }

    pub(super) fn value<'c>(&self, candidate: &'c Candidate<'_>) -> &'c Value {
        candidate.object().get(&self.key).unwrap_or(&Value::Null)
    }
}

/// Words to look for, without regard to case.
#[derive(Debug)]
pub(super) struct Words {
    text: String,
    phrase: bool,
}

impl Words {
    pub(super) fn read(value: &Value) -> Result<Self, Failure> {
        let text = text(value, "value").ok_or_else(|| wrong("value is required."))?;
        let phrase = match self::text(value, "mode") {
            None | Some("full_words" | "beginning_of_words") => false,
            Some("phrase") => true,
            Some(_) => return Err(wrong("mode should be full_words or phrase.")),
        };
        Ok(Self {
            text: text.to_lowercase(),
            phrase,
        })
    }

    fn stand_in(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        if self.phrase {
            return text.contains(&self.text);
        }
        let split = |text: &str| -> Vec<String> {
            let words = text.split(|letter: char| !letter.is_alphanumeric());
            words
                .filter(|word| !word.is_empty())
                .map(str::to_owned)
                .collect()
        };
        let there = split(&text);
        split(&self.text).iter().all(|word| there.contains(word))
    }

    fn stand_in_value(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => self.stand_in(text),
            Value::Array(items) => items.iter().any(|item| self.stand_in_value(item)),
            Value::Object(object) => object.values().any(|value| self.stand_in_value(value)),
            _ => false,
        }
    }

    pub(super) fn in_any_text_of(&self, object: &Map<String, Value>) -> bool {
        object.values().any(|value| self.stand_in_value(value))
    }
}

#[derive(Debug)]
pub(super) enum Condition {
    Boolean(bool),
    CurrentUser,
    Exists,
    Text(Words),
    Terms(Vec<Value>),
    Numbers {
        gt: Option<f64>,
        gte: Option<f64>,
        lt: Option<f64>,
        lte: Option<f64>,
    },
    Moments(Window),
}

impl Condition {
    pub(super) fn read(value: &Value, zone: Zone) -> Result<Self, Failure> {
        let list = |name: &str| {
            let items = value.get(name).and_then(Value::as_array);
            items
                .cloned()
                .ok_or_else(|| wrong(&format!("{name} is required.")))
        };
        let number = |name: &str| value.get(name).and_then(Value::as_f64);
        match text(value, "type") {
            Some("boolean") => {
                let given = value.get("value").and_then(Value::as_bool);
                given
                    .map(Self::Boolean)
                    .ok_or_else(|| wrong("value is required."))
            }
            Some("current_user") => Ok(Self::CurrentUser),
            Some("exists") => Ok(Self::Exists),
            Some("text") => Words::read(value).map(Self::Text),
            Some("term") => list("values").map(Self::Terms),
            Some("reference") => list("object_ids").map(Self::Terms),
            Some("number_range") => Ok(Self::Numbers {
                gt: number("gt"),
                gte: number("gte"),
                lt: number("lt"),
                lte: number("lte"),
            }),
            Some("moment_range") => {
                let mut window = Window::ALL;
                let bound = |name: &str| value.get(name).filter(|given| !given.is_null());
                if let Some(given) = bound("on_or_after") {
                    window.from = moments::read(given, zone)?;
                }
                if let Some(given) = bound("before") {
                    window.until = moments::read(given, zone)?;
                }
                Ok(Self::Moments(window))
            }
            _ => Err(wrong("Unknown type of condition.")),
        }
    }

    pub(super) fn holds(&self, field: &Field, candidate: &Candidate<'_>) -> bool {
        if let Self::Moments(window) = self {
            return match field.date() {
                Some(Order::Created) => window.contains(candidate.created),
                Some(Order::Updated) => window.contains(candidate.updated),
                None => {
                    let at = field.value(candidate).as_str().and_then(Moment::parse);
                    at.is_some_and(|at| window.contains(at))
                }
            };
        }
        if let (Self::Terms(terms), Some(id)) = (self, candidate.type_id(&field.key)) {
            // Known without the whole object: such a query looks at every one of them.
            return terms.iter().any(|term| term == id);
        }
        match field.value(candidate) {
            Value::Array(items) => items.iter().any(|item| self.holds_for(item, candidate)),
            value => self.holds_for(value, candidate),
        }
    }

    fn holds_for(&self, value: &Value, candidate: &Candidate<'_>) -> bool {
        match self {
            Self::Boolean(wanted) => value.as_bool() == Some(*wanted),
            Self::CurrentUser => {
                let user = candidate.organization.users.first();
                value
                    .as_str()
                    .is_some_and(|id| user.is_some_and(|user| user.id.as_str() == id))
            }
            Self::Exists => !value.is_null(),
            Self::Text(words) => words.stand_in_value(value),
            Self::Terms(terms) => terms.contains(value),
            Self::Numbers { gt, gte, lt, lte } => value.as_f64().is_some_and(|number| {
                gt.is_none_or(|bound| number > bound)
                    && gte.is_none_or(|bound| number >= bound)
                    && lt.is_none_or(|bound| number < bound)
                    && lte.is_none_or(|bound| number <= bound)
            }),
            Self::Moments(_) => false,
        }
    }
}
