//! People who are forgotten, as far as something that arrives names them.

use crate::change::{Change, Content};
use crate::close::{Object, ObjectType};
use closegraph_entity::record::record_id;
use memchr::memmem::find_iter;
use serde_json::Value;
use sqlx::PgConnection;
use std::collections::HashSet;
use uuid::Uuid;

/// Which of these people and companies are to be stripped: `$2` people, `$3` companies of the connection `$1`.
const NAMED: &str = "
    select record_id, close_id, company_ids from tombstone
     where connection_id = $1 and forgotten_at is not null
       and (record_id = any($2) or company_ids && $3)";

/// Who is not to be known any more.
#[derive(Clone, Debug, Default)]
pub(crate) struct Forgotten {
    pub(super) connection_id: Uuid,
    pub(super) people: HashSet<Uuid>,
    /// Their Close ids.
    pub(super) contacts: Vec<String>,
    /// Their companies.
    pub(super) companies: HashSet<Uuid>,
    /// How they are called, while that is known. Later, every name that a company repeats may be theirs.
    pub(super) names: Option<Vec<String>>,
}

impl Forgotten {
    /// Those whom changes name, by themselves or by what is stored of their objects.
    pub(crate) async fn among<'a>(
        connection: &mut PgConnection,
        connection_id: Uuid,
        objects: impl Iterator<Item = (ObjectType, &'a str, Option<&'a Object>)>,
    ) -> Result<Self, sqlx::Error> {
        let id = |close_id: &str| record_id(connection_id, close_id);
        let (mut people, mut companies) = (Vec::new(), Vec::new());
        for (object_type, close_id, content) in objects {
            match object_type {
                ObjectType::Contact => people.push(id(close_id)),
                ObjectType::Lead => companies.push(id(close_id)),
                _ => {}
            }
            let named = |key: &str| content.and_then(|object| object.text(key));
            people.extend(named("contact_id").map(|named| id(&named)));
            companies.extend(named("lead_id").map(|named| id(&named)));
        }
        Self::load(connection, connection_id, &people, &companies).await
    }

    /// Those whom texts name.
    pub(crate) async fn named_in<'a>(
        connection: &mut PgConnection,
        connection_id: Uuid,
        texts: impl Iterator<Item = &'a str>,
    ) -> Result<Self, sqlx::Error> {
        let (mut people, mut companies) = (HashSet::new(), HashSet::new());
        for text in texts {
            for (prefix, found) in [("cont_", &mut people), ("lead_", &mut companies)] {
                let ids = words(text, prefix).map(|word| record_id(connection_id, word));
                found.extend(ids);
            }
        }
        let (people, companies) = (Vec::from_iter(people), Vec::from_iter(companies));
        Self::load(connection, connection_id, &people, &companies).await
    }

    async fn load(
        connection: &mut PgConnection,
        connection_id: Uuid,
        people: &[Uuid],
        companies: &[Uuid],
    ) -> Result<Self, sqlx::Error> {
        let found: Vec<(Uuid, String, Vec<Uuid>)> = sqlx::query_as(NAMED)
            .bind(connection_id)
            .bind(people)
            .bind(companies)
            .fetch_all(connection)
            .await?;
        let mut forgotten = Self {
            connection_id,
            ..Self::default()
        };
        for (person, contact, companies) in found {
            forgotten.people.insert(person);
            forgotten.contacts.push(contact);
            forgotten.companies.extend(companies);
        }
        Ok(forgotten)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.people.is_empty()
    }

    /// Whether a contact is one of them.
    pub(crate) fn is_person(&self, close_id: &str) -> bool {
        !self.is_empty()
            && self
                .people
                .contains(&record_id(self.connection_id, close_id))
    }

    pub(super) fn is_company(&self, close_id: &str) -> bool {
        self.companies
            .contains(&record_id(self.connection_id, close_id))
    }

    /// Another company that a person who is forgotten is at by now, where a change tells.
    pub(crate) fn company_of(&self, change: &Change) -> Option<(Uuid, Uuid)> {
        let (Content::Full(object) | Content::Partial { data: object, .. }) = &change.content
        else {
            return None;
        };
        let person = record_id(self.connection_id, &change.close_id);
        let company = record_id(self.connection_id, &object.text("lead_id")?);
        let moved = self.people.contains(&person) && !self.companies.contains(&company);
        moved.then_some((person, company))
    }

    /// Notes where they are by now.
    pub(crate) async fn follow(
        &mut self,
        connection: &mut PgConnection,
        moved: Vec<(Uuid, Uuid)>,
    ) -> Result<(), sqlx::Error> {
        for (person, company) in moved {
            self.companies.insert(company);
            sqlx::query(
                "update tombstone set company_ids = array_append(company_ids, $2)
                  where record_id = $1 and not company_ids @> array[$2]",
            )
            .bind(person)
            .bind(company)
            .execute(&mut *connection)
            .await?;
        }
        Ok(())
    }

    /// Whether a value has the name, address or number of one of them.
    pub(super) fn is_named(&self, value: &Value) -> bool {
        let Some(names) = &self.names else {
            return true;
        };
        match value {
            Value::String(text) => names.iter().any(|name| text.contains(name.as_str())),
            Value::Array(values) => values.iter().any(|value| self.is_named(value)),
            Value::Object(values) => values.values().any(|value| self.is_named(value)),
            _ => false,
        }
    }
}

/// The words of a text that begin with a prefix.
fn words<'a>(text: &'a str, prefix: &'static str) -> impl Iterator<Item = &'a str> {
    find_iter(text.as_bytes(), prefix).filter_map(move |at| {
        let rest = text.get(at..)?;
        let is_word = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
        let end = rest.find(|letter| !is_word(letter)).unwrap_or(rest.len());
        rest.get(..end)
    })
}
