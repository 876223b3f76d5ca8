//! Who changed what, in the access log.

use closegraph_entity::access_entry::{Action, RECORD};
use sea_orm::ActiveEnum;
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::scope::Caller;

/// Who changes something.
#[derive(Clone, Copy, Debug)]
pub struct Actor<'a> {
    /// Name of the token, or the command, or the person.
    pub name: &'a str,
    /// The token with its prefix; `None` for a command or a person.
    pub token: Option<(Uuid, &'a str)>,
}

impl<'a> Actor<'a> {
    /// A command, by its name.
    pub const fn command(name: &'a str) -> Self {
        Self { name, token: None }
    }
}

impl Caller {
    /// The caller as one who changes something.
    pub(crate) fn actor(&self) -> Actor<'_> {
        Actor {
            name: &self.name,
            token: self.token.as_ref().map(|(id, prefix)| (*id, &**prefix)),
        }
    }
}

/// Adds an entry to the access log, in the transaction of the change. `connections` are those that the change is about,
/// `None` being all; `subject` is the token or record that was changed; `details` hold nothing of people and no secret.
pub async fn record_access(
    transaction: &mut PgConnection,
    by: Actor<'_>,
    action: Action,
    connections: Option<&[Uuid]>,
    subject: Option<Uuid>,
    details: Value,
) -> sqlx::Result<()> {
    sqlx::query(RECORD)
        .bind(by.name)
        .bind(by.token.map(|(id, _)| id))
        .bind(by.token.map(|(_, prefix)| prefix))
        .bind(action.to_value())
        .bind(connections)
        .bind(subject)
        .bind(details)
        .execute(transaction)
        .await
        .map(drop)
}
