//! Bodies of events that name people who are forgotten are written without what they tell of these.

use super::delivery::Delivery;
use super::insert::Row;
use crate::apply::share_bodies;
use crate::privacy::Forgotten;
use sqlx::PgConnection;
use std::collections::{BTreeSet, HashMap};
use uuid::Uuid;

/// Which of the connections have people who are forgotten: most have none.
const FORGETTING: &str = "
    select id from unnest($1::uuid[]) as c (id)
     where exists (select from tombstone t where t.connection_id = c.id and t.forgotten_at is not null)";

/// What is left of bodies, by event; of those that are not here, all.
#[derive(Debug, Default)]
pub(super) struct Left(HashMap<Uuid, Option<String>>);

impl Left {
    /// Looks whom the events name. Nobody can be forgotten between this and the end of the transaction.
    pub(super) async fn of(
        session: &mut PgConnection,
        rows: &[Row<'_>],
    ) -> Result<Self, sqlx::Error> {
        let connections = rows.iter().map(|row| row.delivery.connection_id);
        let connections = Vec::from_iter(connections.collect::<BTreeSet<_>>());
        share_bodies(session, &connections).await?;
        let forgetting: Vec<Uuid> = sqlx::query_scalar(FORGETTING)
            .bind(connections)
            .fetch_all(&mut *session)
            .await?;
        let mut left = HashMap::new();
        for id in forgetting {
            let all = || rows.iter().map(|row| row.delivery);
            let of = || all().filter(|delivery| delivery.connection_id == id);
            let bodies = of().map(Delivery::payload);
            let forgotten = Forgotten::named_in(session, id, bodies).await?;
            if forgotten.is_empty() {
                continue;
            }
            left.extend(of().filter_map(|delivery| {
                let part = forgotten.strip_event(&delivery.object_type, delivery.payload())?;
                Some((delivery.id(), part.left))
            }));
        }
        Ok(Self(left))
    }

    /// The body to write; none where all of it is of somebody who is forgotten.
    pub(super) fn body<'a>(&'a self, row: &Row<'a>) -> Option<&'a str> {
        match self.0.get(&row.delivery.id()) {
            Some(left) => left.as_deref(),
            None => Some(row.delivery.payload()),
        }
    }

    /// The state to write: there is nothing to be done about an event without its body.
    pub(super) fn state<'a>(&self, row: &Row<'a>) -> &'a str {
        match (self.is_whole(row), row.state) {
            (true, "pending") => "ignored",
            (true, "dead") => "discarded",
            (_, state) => state,
        }
    }

    /// The error to write: it may quote the body.
    pub(super) fn error<'a>(&self, row: &Row<'a>) -> Option<&'a str> {
        row.error.filter(|_| !self.is_whole(row))
    }

    fn is_whole(&self, row: &Row<'_>) -> bool {
        matches!(self.0.get(&row.delivery.id()), Some(None))
    }
}
