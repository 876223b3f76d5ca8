//! By which settings the rows of a connection are mapped, so that none stays as settings of before made it: whoever writes
//! with other settings than those that are noted reads them anew, and notes it where they differ still.
//!
//! A note is compared while objects are held, and [`begin`] waits until nobody holds any. So what was written with older
//! settings is there when objects are mapped anew, and nothing is written with them afterwards.

use super::lock;
use super::queue::Folded;
use crate::mapping::MappingContext;
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use sqlx::{PgConnection, PgPool, Postgres, Transaction};
use uuid::Uuid;

/// Fingerprints of settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Mark {
    /// All rows are mapped by these.
    All(Uuid),
    /// Some are, and others have to be mapped anew.
    Some {
        some: Uuid,
        /// The run that maps them, as long as nobody has written by other settings since it began.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        run: Option<Uuid>,
    },
}

impl Mark {
    const fn settings(self) -> Uuid {
        match self {
            Self::All(settings) | Self::Some { some: settings, .. } => settings,
        }
    }
}

/// By what rows are to be mapped.
#[derive(Debug, Default)]
pub(super) struct Followed {
    /// Settings that are newer than those that the writer has.
    pub(super) newer: Option<MappingContext>,
    /// What has to be noted, where it differs from what is.
    pub(super) note: Option<Uuid>,
}

impl Followed {
    /// Compares a writer's settings with those that are noted.
    pub(super) async fn read(
        connection: &mut PgConnection,
        context: &MappingContext,
        mark: Option<Mark>,
        folded: &Folded,
    ) -> Result<Self, sqlx::Error> {
        let mark = match mark {
            // Whoever writes beside others must not wait for them: it is noted before.
            None if !folded.is_beside_others => claim(connection, context).await?,
            mark => mark,
        };
        let Some(mark) = mark.filter(|mark| mark.settings() != context.fingerprint()) else {
            return Ok(Self::default());
        };
        let newer = MappingContext::read(&mut *connection, context.connection_id).await?;
        let used = newer.as_ref().unwrap_or(context).fingerprint();
        Ok(Self {
            newer,
            note: Some(used).filter(|used| *used != mark.settings()),
        })
    }
}

/// Notes that some rows are mapped by these settings.
pub(crate) async fn note(
    connection: &mut PgConnection,
    connection_id: Uuid,
    settings: Uuid,
) -> Result<(), sqlx::Error> {
    const NOTE: &str = "update sync_checkpoint set position = $2, updated_at = now()
          where connection_id = $1 and stream = 'mapping' and position <> $2";
    sqlx::query(NOTE)
        .bind(connection_id)
        .bind(Json(Mark::Some {
            some: settings,
            run: None,
        }))
        .execute(connection)
        .await
        .map(drop)
}

/// Notes that all rows are mapped by these settings, where there are none yet, and answers what is noted then.
pub(super) async fn claim(
    connection: &mut PgConnection,
    context: &MappingContext,
) -> Result<Option<Mark>, sqlx::Error> {
    const CLAIM: &str = "insert into sync_checkpoint (connection_id, stream, position)
         select $1, 'mapping', $2
          where not exists (select from company where connection_id = $1)
            and not exists (select from person where connection_id = $1)
            and not exists (select from opportunity where connection_id = $1)
            and not exists (select from custom_record where connection_id = $1)
         on conflict do nothing";
    sqlx::query(CLAIM)
        .bind(context.connection_id)
        .bind(Json(Mark::All(context.fingerprint())))
        .execute(&mut *connection)
        .await?;
    noted(connection, context.connection_id).await
}

async fn noted(
    connection: &mut PgConnection,
    connection_id: Uuid,
) -> Result<Option<Mark>, sqlx::Error> {
    const NOTED: &str =
        "select position from sync_checkpoint where connection_id = $1 and stream = 'mapping'";
    let noted: Option<Json<Mark>> = sqlx::query_scalar(NOTED)
        .bind(connection_id)
        .fetch_optional(connection)
        .await?;
    Ok(noted.map(|Json(mark)| mark))
}

/// Notes by what the rows of a connection are mapped before pages of it are written side by side.
pub(crate) async fn prepare(pool: &PgPool, context: &MappingContext) -> Result<(), sqlx::Error> {
    let mut transaction = pool.begin().await?;
    lock::hold_objects(&mut transaction, context.connection_id).await?;
    claim(&mut transaction, context).await?;
    transaction.commit().await
}

/// From here on all rows are written by these settings, or newer ones. Answers whether that was so since an earlier run
/// began, so that what that one has mapped need not be mapped again.
pub(crate) async fn begin(
    pool: &PgPool,
    context: &MappingContext,
    run_id: Uuid,
) -> Result<bool, sqlx::Error> {
    const BEGIN: &str = "insert into sync_checkpoint (connection_id, stream, position) values ($1, 'mapping', $2)
         on conflict (connection_id, stream) do update set position = excluded.position, updated_at = now()";
    let id = context.connection_id;
    let settings = context.fingerprint();
    let mark = Mark::Some {
        some: settings,
        run: Some(run_id),
    };
    let mut transaction = pool.begin().await?;
    lock::hold_objects(&mut transaction, id).await?;
    let before = noted(&mut transaction, id).await?;
    sqlx::query(BEGIN)
        .bind(id)
        .bind(Json(mark))
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(matches!(before, Some(Mark::Some { some, run: Some(_) }) if some == settings))
}

/// Notes that all rows are mapped by these settings, unless some were written by others since they began to be.
pub(crate) async fn finish(
    transaction: &mut Transaction<'_, Postgres>,
    context: &MappingContext,
    run_id: Uuid,
) -> Result<(), sqlx::Error> {
    const FINISH: &str = "update sync_checkpoint set position = $2, run_id = $3, updated_at = now()
          where connection_id = $1 and stream = 'mapping' and position = $4";
    let settings = context.fingerprint();
    sqlx::query(FINISH)
        .bind(context.connection_id)
        .bind(Json(Mark::All(settings)))
        .bind(run_id)
        .bind(Json(Mark::Some {
            some: settings,
            run: Some(run_id),
        }))
        .execute(&mut **transaction)
        .await
        .map(drop)
}
