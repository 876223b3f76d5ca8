//! The people that something is about, with all that is needed to find what is held on them.

use super::Person;
use super::forgotten::Forgotten;
use super::places::{AUDIT, EVENT, Found, PERSON};
use closegraph_entity::record::record_id;
use serde_json::Value;
use sqlx::PgConnection;
use std::collections::{BTreeSet, HashSet};
use uuid::Uuid;

/// Keys under which a person has its names, addresses and numbers: in Close, and in our columns.
const NAMING: [&str; 10] = [
    "name",
    "display_name",
    "contact_name",
    "email",
    "phone",
    "phone_formatted",
    "number",
    "formatted",
    "primary_email",
    "primary_phone",
];

/// Shorter names stand in too many words.
const SHORTEST_NAME: usize = 3;

/// People of one connection.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    pub(super) forgotten: Forgotten,
    /// Close ids of their companies.
    pub(super) leads: Vec<String>,
    /// Whether what waits to be worked off is meant, too.
    pub(super) with_waiting: bool,
    /// Events that were found when all were looked at, and the last that there was.
    pub(super) seen: Option<(Vec<i64>, i64)>,
}

impl Subject {
    /// Learns how people are called and where they are or were, from what is held on them.
    pub(super) async fn learn(
        connection: &mut PgConnection,
        connection_id: Uuid,
        people: &[Person],
        with_waiting: bool,
    ) -> Result<Self, sqlx::Error> {
        let mut subject = Self {
            forgotten: Forgotten {
                connection_id,
                people: people.iter().map(|person| person.id).collect(),
                contacts: people
                    .iter()
                    .map(|person| person.close_id.clone())
                    .collect(),
                companies: HashSet::new(),
                names: None,
            },
            leads: Vec::new(),
            with_waiting,
            seen: None,
        };
        let mut learned = Learned::default();
        for place in [&PERSON, &AUDIT, &EVENT] {
            for Found { part, .. } in place.find(connection, &subject).await? {
                learned.read(&part.held);
            }
        }
        let Learned {
            names,
            mut leads,
            mut companies,
        } = learned;
        companies.extend(leads.iter().map(|lead| record_id(connection_id, lead)));
        let marked: Vec<Uuid> = sqlx::query_scalar(
            "select unnest(company_ids) from tombstone where record_id = any($1)",
        )
        .bind(Vec::from_iter(subject.forgotten.people.iter().copied()))
        .fetch_all(&mut *connection)
        .await?;
        companies.extend(marked);
        let known: Vec<String> = sqlx::query_scalar(
            "select close_id from company where id = any($1)
             union select close_id from tombstone where record_id = any($1)",
        )
        .bind(Vec::from_iter(companies.iter().copied()))
        .fetch_all(connection)
        .await?;
        leads.extend(known);
        subject.forgotten.companies = companies;
        subject.forgotten.names = Some(Vec::from_iter(names));
        subject.leads = Vec::from_iter(leads);
        Ok(subject)
    }

    /// Patterns of the texts that name one of them, or one of their companies.
    pub(super) fn patterns(&self) -> Vec<String> {
        let ids = self.forgotten.contacts.iter().chain(&self.leads);
        ids.map(|id| format!("%{}%", id.replace('_', r"\_")))
            .collect()
    }
}

/// What is held on people tells this of them.
#[derive(Debug, Default)]
struct Learned {
    names: BTreeSet<String>,
    leads: BTreeSet<String>,
    companies: HashSet<Uuid>,
}

impl Learned {
    fn read(&mut self, value: &Value) {
        match value {
            Value::Array(values) => values.iter().for_each(|value| self.read(value)),
            Value::Object(values) => {
                for (key, value) in values {
                    match key.as_str() {
                        // Names of services, and the text of errors.
                        "integration_links" | "error" => {}
                        "lead_id" => self.leads.extend(value.as_str().map(str::to_owned)),
                        "company_id" => self.read_companies(value),
                        key if NAMING.contains(&key) => self.read_names(value),
                        _ => self.read(value),
                    }
                }
            }
            _ => {}
        }
    }

    fn read_names(&mut self, value: &Value) {
        each_text(value, &mut |text| {
            if text.trim().chars().count() >= SHORTEST_NAME {
                self.names.insert(text.trim().to_owned());
            }
        });
    }

    fn read_companies(&mut self, value: &Value) {
        each_text(value, &mut |text| {
            self.companies.extend(Uuid::parse_str(text).ok());
        });
    }
}

/// The texts in a value: it may be one, or an old and a new one.
fn each_text(value: &Value, take: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => take(text),
        Value::Array(values) => values.iter().for_each(|value| each_text(value, take)),
        Value::Object(values) => values.values().for_each(|value| each_text(value, take)),
        _ => {}
    }
}
