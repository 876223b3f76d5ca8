//! The nodes of a query.

use serde_json::Value;

use super::super::answer::Failure;
use super::candidate::Candidate;
use super::condition::{self, Condition, Field};
use super::moments::Zone;
use crate::world::records::Kind;
use crate::world::store::{Order, Window};

#[derive(Debug)]
pub(super) enum Node {
    MatchAll,
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    /// None: a type that the simulator has no objects of.
    ObjectType(Option<Kind>),
    Id(String),
    Text(condition::Words),
    Field(Field, Condition),
    Related {
        this: Kind,
        related: Option<Kind>,
        query: Box<Node>,
    },
}

fn wrong(message: &str) -> Failure {
    Failure::field("query", message)
}

fn text<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name).and_then(Value::as_str)
}

impl Node {
    pub(super) fn read(value: &Value, zone: Zone) -> Result<Self, Failure> {
        let node = Self::read_plain(value, zone)?;
        let negate = value
            .get("negate")
            .and_then(Value::as_bool)
            .unwrap_or(false);
        Ok(if negate {
            Self::Not(Box::new(node))
        } else {
            node
        })
    }

    fn read_plain(value: &Value, zone: Zone) -> Result<Self, Failure> {
        let queries = || -> Result<Vec<Self>, Failure> {
            let queries = value.get("queries").and_then(Value::as_array);
            let queries = queries.ok_or_else(|| wrong("queries is required."))?;
            queries
                .iter()
                .map(|query| Self::read(query, zone))
                .collect()
        };
        let kind = |name: &str| {
            let given = text(value, name).ok_or_else(|| Failure::field(name, "Field required"));
            given.map(Kind::parse)
        };
        match text(value, "type") {
            None => Err(Failure::field("query", "Field required")),
            Some("match_all") => Ok(Self::MatchAll),
            Some("and") => queries().map(Self::And),
            Some("or") => queries().map(Self::Or),
            Some("object_type") => kind("object_type").map(Self::ObjectType),
            Some("id") => {
                let id = text(value, "value").or_else(|| text(value, "id"));
                Ok(Self::Id(
                    id.ok_or_else(|| wrong("value is required."))?.to_owned(),
                ))
            }
            Some("text") => condition::Words::read(value).map(Self::Text),
            Some("field_condition") => Ok(Self::Field(
                Field::read(value.get("field").unwrap_or(&Value::Null))?,
                Condition::read(value.get("condition").unwrap_or(&Value::Null), zone)?,
            )),
            Some("has_related") => {
                let query = value.get("related_query").unwrap_or(&Value::Null);
                let query = if query.is_null() {
                    Self::MatchAll
                } else {
                    Self::read(query, zone)?
                };
                let this = kind("this_object_type")?;
                let related = kind("related_object_type")?;
                Ok(match this {
                    Some(this) => Self::Related {
                        this,
                        related,
                        query: Box::new(query),
                    },
                    None => Self::ObjectType(None),
                })
            }
            Some(other) => Err(wrong(&format!("Unknown query type \"{other}\"."))),
        }
    }

    pub(super) fn matches(&self, candidate: &Candidate<'_>) -> bool {
        match self {
            Self::MatchAll => true,
            Self::And(nodes) => nodes.iter().all(|node| node.matches(candidate)),
            Self::Or(nodes) => nodes.iter().any(|node| node.matches(candidate)),
            Self::Not(node) => !node.matches(candidate),
            Self::ObjectType(kind) => *kind == Some(candidate.kind),
            Self::Id(id) => id == candidate.id,
            Self::Text(words) => words.in_any_text_of(candidate.object()),
            Self::Field(field, condition) => {
                field.on().is_none_or(|kind| kind == candidate.kind)
                    && condition.holds(field, candidate)
            }
            Self::Related {
                this,
                related,
                query,
            } => {
                candidate.kind == *this
                    && related.is_some_and(|kind| {
                        candidate
                            .related(kind)
                            .iter()
                            .any(|other| query.matches(other))
                    })
            }
        }
    }

    /// Whether an object of a type could match at all.
    pub(super) fn may_match(&self, kind: Kind) -> bool {
        match self {
            Self::And(nodes) => nodes.iter().all(|node| node.may_match(kind)),
            Self::Or(nodes) => nodes.iter().any(|node| node.may_match(kind)),
            Self::ObjectType(only) => *only == Some(kind),
            Self::Field(field, _) => field.on().is_none_or(|only| only == kind),
            Self::Related { this, .. } => *this == kind,
            Self::MatchAll | Self::Not(_) | Self::Id(_) | Self::Text(_) => true,
        }
    }

    /// A window of a date order that holds every match.
    pub(super) fn window(&self, kind: Kind, order: Order) -> Window {
        match self {
            Self::And(nodes) => nodes
                .iter()
                .fold(Window::ALL, |all, node| all.and(node.window(kind, order))),
            Self::Field(field, Condition::Moments(window))
                if field.on().is_none_or(|only| only == kind) && field.date() == Some(order) =>
            {
                *window
            }
            _ => Window::ALL,
        }
    }
}
