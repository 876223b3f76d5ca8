//! All that is held on a person, read out.

use super::erase::{Counts, count, without_time_limit};
use super::mark::record;
use super::places::PLACES;
use super::subject::Subject;
use super::{Person, SyncError};
use closegraph_entity::access_entry::Action;
use serde::Serialize;
use serde_json::Value;
use sqlx::PgPool;
use std::collections::BTreeMap;
use uuid::Uuid;

/// What is held on a person.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Export {
    pub id: Uuid,
    pub connection: Uuid,
    pub close_id: String,
    /// By place, what of each row is about the person.
    pub places: BTreeMap<&'static str, Vec<Held>>,
}

/// What of one row is about the person.
#[derive(Clone, Debug, Serialize)]
pub struct Held {
    /// Id of the row, or its number.
    pub row: String,
    pub held: Value,
}

/// Reads out what is held on a person, and notes in the access log that `by` did.
pub async fn export_person(pool: &PgPool, person: &Person, by: &str) -> Result<Export, SyncError> {
    let mut transaction = pool.begin().await?;
    without_time_limit(&mut transaction).await?;
    let people = std::slice::from_ref(person);
    let id = person.connection_id;
    let subject = Subject::learn(&mut transaction, id, people, true).await?;
    let (mut counts, mut places) = (Counts::new(), BTreeMap::new());
    for place in &PLACES {
        let found = place.find(&mut transaction, &subject).await?;
        count(&mut counts, place, &found);
        let held = found.into_iter().map(|found| Held {
            row: found.key,
            held: found.part.held,
        });
        let held: Vec<Held> = held.collect();
        if !held.is_empty() {
            places.insert(place.name, held);
        }
    }
    record(
        &mut transaction,
        by,
        Action::PersonExported,
        person,
        &counts,
    )
    .await?;
    transaction.commit().await?;
    Ok(Export {
        id: person.id,
        connection: person.connection_id,
        close_id: person.close_id.clone(),
        places,
    })
}
