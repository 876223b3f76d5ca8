//! A person is forgotten: what is held on it goes, and a tombstone keeps it from coming back.

use super::erase::{Counts, Why, count, erase, without_time_limit};
use super::places::PLACES;
use super::subject::Subject;
use super::{Person, SyncError};
use sqlx::PgPool;

/// Removes all that is held on a person but its ids, and keeps it from being held again. `by` is who does so, for the
/// access log. Answers how many rows were removed, or had something removed from them, by place.
pub async fn forget_person(pool: &PgPool, person: &Person, by: &str) -> Result<Counts, SyncError> {
    let people = std::slice::from_ref(person);
    let why = Why::Forget { by };
    Ok(erase(pool, person.connection_id, people, why).await?)
}

/// The same without removing anything.
pub async fn look(pool: &PgPool, person: &Person) -> Result<Counts, SyncError> {
    let mut transaction = pool.begin().await?;
    without_time_limit(&mut transaction).await?;
    let people = std::slice::from_ref(person);
    let id = person.connection_id;
    let subject = Subject::learn(&mut transaction, id, people, true).await?;
    let mut counts = Counts::new();
    for place in PLACES.iter().filter(|place| place.is_erased()) {
        let found = place.find(&mut transaction, &subject).await?;
        count(&mut counts, place, &found);
    }
    transaction.rollback().await?;
    Ok(counts)
}
