//! The truth check: every id and version of Close beside every row of the mirror.
//!
//! What both sides say may be a moment apart, so a difference is only a suspicion. Each suspect is read from Close and
//! put through the same door as any change: what that would write is what was missing or stale, and only a 404 makes a
//! row one too many. A repair commits it, a mere check rolls it back.

mod drift;
mod suspects;

use super::remap::remap;
use super::run::{Kind, Progress, Run, RunReport};
use super::walk::{Asked, Fields, Position, SearchedType, Walker};
use crate::apply::{Outcome, apply, record_type};
use crate::change::{Change, Content};
use crate::close::{CloseClient, Object, ObjectType};
use crate::connect::Connections;
use crate::error::SyncError;
use crate::mapping::MappingContext;
use closegraph_entity::record::Origin;
use drift::Difference;
pub use drift::{Drift, Example};
use sqlx::PgPool;
use std::collections::HashSet;
use std::time::{Duration, Instant};
use suspects::{Kept, Seen, Suspect};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Suspects of one type up to which each is read by its id; above, all that changed since the oldest is searched.
const BY_ID: usize = 400;
/// Suspects in one transaction.
const BATCH: usize = 200;

/// What a comparison follows.
#[derive(Clone, Copy, Debug)]
pub struct VerifyOptions {
    /// Puts right what differs.
    pub repair: bool,
    /// How long differences may take to go by themselves: Close reports a change a while after it was made.
    pub patience: Duration,
}

impl Default for VerifyOptions {
    fn default() -> Self {
        Self {
            repair: false,
            patience: Duration::from_secs(60),
        }
    }
}

/// Compares a connection with Close.
pub async fn verify(
    pool: &PgPool,
    connections: &Connections,
    connection_id: Uuid,
    options: &VerifyOptions,
    stop: &CancellationToken,
) -> Result<Vec<Drift>, SyncError> {
    let client = connections.client(connection_id).await?.in_background();
    let context = connections.mapping(connection_id).await?;
    let run = Run::start(pool, connection_id, Kind::Verify).await?;
    let requests_before = client.requests();
    let check = Check {
        pool,
        connections,
        client: &client,
        context: &context,
        run: &run,
        repair: options.repair,
        patience: options.patience,
        stop,
    };
    let result = check.all().await;
    if let Ok(drifts) = &result {
        let spent = client.requests() - requests_before;
        check.keep(drifts, spent).await?;
    }
    run.finish(pool, &result).await?;
    result
}

struct Check<'a> {
    pool: &'a PgPool,
    connections: &'a Connections,
    client: &'a CloseClient,
    context: &'a MappingContext,
    run: &'a Run,
    repair: bool,
    /// How long the differences of a type may take to go by themselves.
    patience: Duration,
    stop: &'a CancellationToken,
}

impl Check<'_> {
    async fn all(&self) -> Result<Vec<Drift>, SyncError> {
        let mut drifts = Vec::new();
        let fields = Fields::read(self.pool, self.context.connection_id).await?;
        for object in SearchedType::all(&fields.custom()) {
            drifts.push(self.one_type(object).await?);
        }
        drifts.push(self.transactions().await?);
        Ok(drifts)
    }

    /// Transactions follow from opportunities and invoices, so that Close need not be asked.
    async fn transactions(&self) -> Result<Drift, SyncError> {
        let id = self.context.connection_id;
        let mut drift = suspects::transactions(self.pool, id).await?;
        if self.repair && drift.found() > 0 {
            let (progress, _) = watch::channel(Progress::default());
            match remap(self.pool, self.connections, id, &progress, self.stop).await {
                Ok(_) | Err(SyncError::AlreadyRunning { .. }) => {}
                Err(error) => return Err(error),
            }
            let left = suspects::transactions(self.pool, id).await?.found();
            drift.repaired = drift.found().saturating_sub(left);
        }
        Ok(drift)
    }

    async fn one_type(&self, object: SearchedType) -> Result<Drift, SyncError> {
        let object_type = object.object_type();
        let mut kept = Kept::start(self.pool, self.context.connection_id, object_type).await?;
        let start = Position::search(object, None);
        let client = self.client.clone();
        let mut walker = Walker::new(client, start, Origin::Sweep, false, Asked::Versions);
        while let Some(page) = walker.next().await? {
            if self.stop.is_cancelled() {
                return Err(SyncError::Interrupted);
            }
            let seen = page.changes.into_iter().map(|change| Seen {
                close_id: change.close_id,
                version: change.version,
            });
            kept.add(seen.collect()).await?;
        }
        suspects::settle(self.pool, self.context.connection_id).await?;
        let mut drift = Drift {
            record_type: shown_as(object_type),
            compared: kept.count,
            ..Drift::default()
        };
        let (behind, extra) = self.suspects(object_type, &mut kept).await?;
        kept.end().await?;
        let mut found = if behind.len() > BY_ID {
            self.search_again(object, &behind).await?
        } else {
            self.read_each(object_type, &behind, self.repair).await?
        };
        found.extend(self.read_each(object_type, &extra, self.repair).await?);
        for difference in found {
            drift.count(difference);
        }
        Ok(drift)
    }

    /// What seems to differ, once changes that were on their way have had the time to arrive.
    async fn suspects(
        &self,
        object_type: ObjectType,
        kept: &mut Kept,
    ) -> Result<(Vec<Suspect>, Vec<Suspect>), SyncError> {
        let start = Instant::now();
        let (mut behind, mut extra) = (kept.behind().await?, kept.extra().await?);
        if self.patience.is_zero() {
            return Ok((behind, extra));
        }
        // Where only a date moved no event tells of it, and waiting would be in vain.
        if behind.len() + extra.len() <= BY_ID {
            let mut differing = HashSet::new();
            for suspects in [&behind, &extra] {
                let found = self.read_each(object_type, suspects, false).await?;
                differing.extend(found.into_iter().map(|difference| difference.close_id));
            }
            behind.retain(|suspect| differing.contains(&suspect.close_id));
            extra.retain(|suspect| differing.contains(&suspect.close_id));
        }
        while !(behind.is_empty() && extra.is_empty()) && start.elapsed() < self.patience {
            let asked = Instant::now();
            let (still_behind, still_extra) = (kept.behind().await?, kept.extra().await?);
            behind = both(behind, &still_behind);
            extra = both(extra, &still_extra);
            // Among millions the question is not cheap.
            let pause = (asked.elapsed() * 5).max(Duration::from_millis(500));
            let pause = tokio::time::sleep(pause);
            if self.stop.run_until_cancelled(pause).await.is_none() {
                return Err(SyncError::Interrupted);
            }
        }
        Ok((behind, extra))
    }

    /// Reads suspects by their ids, and answers which do differ. Where it is to `repair`, none differs any more.
    async fn read_each(
        &self,
        object_type: ObjectType,
        suspects: &[Suspect],
        repair: bool,
    ) -> Result<Vec<Difference>, SyncError> {
        let mut found = Vec::new();
        for batch in suspects.chunks(BATCH) {
            let mut changes = Vec::with_capacity(batch.len());
            for suspect in batch {
                if self.stop.is_cancelled() {
                    return Err(SyncError::Interrupted);
                }
                changes.extend(self.read(object_type, suspect).await?);
            }
            found.extend(self.judge(changes, repair).await?);
        }
        Ok(found)
    }

    /// The object as it is now, or its death; nothing where neither side has it.
    async fn read(
        &self,
        object_type: ObjectType,
        suspect: &Suspect,
    ) -> Result<Option<Change>, SyncError> {
        let path = object_type.path(&suspect.close_id);
        let object: Object = match self.client.get(&path, &[]).await {
            Ok(object) => object,
            Err(error) if error.is_not_found() => {
                return Ok(suspect.version.map(|version| Change {
                    object_type,
                    close_id: suspect.close_id.clone(),
                    version,
                    content: Content::Deleted { merged_into: None },
                    origin: Origin::Sweep,
                    event_id: None,
                    actor: None,
                }));
            }
            Err(error) => return Err(error.into()),
        };
        let change = Change::read(object_type, object, Origin::Reread);
        Ok(change
            .inspect_err(|error| {
                tracing::warn!(
                    close_id = suspect.close_id,
                    error = crate::redact::chain(error),
                    "an object can't be read"
                );
            })
            .ok())
    }

    /// Reads many suspects by searching all that changed since the oldest of them.
    async fn search_again(
        &self,
        object: SearchedType,
        suspects: &[Suspect],
    ) -> Result<Vec<Difference>, SyncError> {
        let wanted: HashSet<&str> = suspects
            .iter()
            .map(|suspect| suspect.close_id.as_str())
            .collect();
        let oldest = suspects.iter().filter_map(|suspect| suspect.seen).min();
        let fields = Fields::read(self.pool, self.context.connection_id).await?;
        let (client, start) = (self.client.clone(), Position::search(object, oldest));
        let mut walker = Walker::new(
            client,
            start,
            Origin::Sweep,
            false,
            Asked::Everything(fields),
        );
        let mut found = Vec::new();
        while let Some(page) = walker.next().await? {
            if self.stop.is_cancelled() {
                return Err(SyncError::Interrupted);
            }
            let mut changes = page.changes;
            changes.retain(|change| wanted.contains(change.close_id.as_str()));
            found.extend(self.judge(changes, self.repair).await?);
        }
        Ok(found)
    }

    /// Puts changes through the door, and tells by what it would write how the mirror differed.
    async fn judge(
        &self,
        changes: Vec<Change>,
        repair: bool,
    ) -> Result<Vec<Difference>, SyncError> {
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<String> = changes
            .iter()
            .map(|change| change.close_id.clone())
            .collect();
        let mut transaction = self.pool.begin().await?;
        let outcomes = apply(&mut transaction, self.context, Some(self.run.id), changes).await?;
        if repair {
            transaction.commit().await?;
        } else {
            transaction.rollback().await?;
        }
        let differing = ids.into_iter().zip(outcomes);
        let differing = differing.filter_map(|(close_id, outcome)| {
            let (kind, repaired) = match outcome {
                Outcome::Created => ("missing", repair),
                Outcome::Updated => ("stale", repair),
                Outcome::Deleted => ("extra", repair),
                Outcome::Tie | Outcome::Incomplete | Outcome::Invalid(_) => ("stale", false),
                Outcome::Unchanged | Outcome::Stale => return None,
            };
            Some(Difference {
                close_id,
                kind,
                repaired,
            })
        });
        Ok(differing.collect())
    }

    /// Keeps what was found.
    async fn keep(&self, drifts: &[Drift], requests: u64) -> Result<(), SyncError> {
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let mut transaction = self.pool.begin().await?;
        let mut report = RunReport {
            requests: number(requests),
            ..RunReport::default()
        };
        let mut progress = Progress::default();
        for drift in drifts {
            progress.done += drift.compared;
            if self.repair {
                report.created += number(drift.missing);
                report.updated += number(drift.stale);
                report.deleted += number(drift.extra);
            }
            suspects::keep(
                &mut transaction,
                self.context.connection_id,
                self.run.id,
                drift,
            )
            .await?;
        }
        self.run.note(&mut transaction, &report, &progress).await?;
        transaction.commit().await?;
        Ok(())
    }
}

/// Those that are suspects still, as they were seen at first.
fn both(suspects: Vec<Suspect>, still: &[Suspect]) -> Vec<Suspect> {
    let still: HashSet<&str> = still
        .iter()
        .map(|suspect| suspect.close_id.as_str())
        .collect();
    let mut suspects = suspects;
    suspects.retain(|suspect| still.contains(suspect.close_id.as_str()));
    suspects
}

/// What a type is called in the report.
const fn shown_as(object_type: ObjectType) -> &'static str {
    match object_type {
        ObjectType::CustomObject => "custom_object",
        ObjectType::CustomActivity => "custom_activity",
        other => record_type(other).as_str(),
    }
}
