//! The truth check: every id and version of Close beside every row of the mirror.
//!
//! What both sides say may be a moment apart, so a difference is only a suspicion. Each suspect is read from Close and
//! put through the same door as any change: what that would write is what was missing or stale, and only a 404 makes a
//! row one too many. A repair commits it, a mere check rolls it back.

mod suspects;

use super::load::custom_fields;
use super::remap::remap;
use super::run::{Kind, Progress, Run, RunReport};
use super::walk::{Asked, Position, SearchedType, Walker};
use crate::apply::{Outcome, apply};
use crate::change::{Change, Content};
use crate::close::{CloseClient, Object, ObjectType};
use crate::connect::Connections;
use crate::error::SyncError;
use crate::mapping::MappingContext;
use closegraph_entity::record::{Origin, RecordType};
use serde::Serialize;
use sqlx::PgPool;
use suspects::{Kept, Seen, Suspect};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Suspects of one type up to which each is read by its id; above, all that changed since the oldest is searched.
const BY_ID: usize = 400;
/// Suspects in one transaction.
const BATCH: usize = 200;
/// Examples that are kept of one type.
const EXAMPLES: usize = 10;

/// What a comparison found of one type. All counts are of before a repair.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Drift {
    pub record_type: &'static str,
    /// Objects that Close has.
    pub compared: u64,
    /// Objects that Close has and the mirror lacks.
    pub missing: u64,
    /// Rows that Close has no object for.
    pub extra: u64,
    /// Rows whose content is older than Close's.
    pub stale: u64,
    /// How many of these were repaired.
    pub repaired: u64,
    pub examples: Vec<Example>,
}

/// A difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Example {
    pub close_id: String,
    /// missing, extra or stale.
    pub kind: &'static str,
}

impl Drift {
    /// Differences in all.
    pub fn found(&self) -> u64 {
        self.missing + self.extra + self.stale
    }

    /// Differences that are left.
    pub fn left(&self) -> u64 {
        self.found().saturating_sub(self.repaired)
    }

    fn count(&mut self, close_id: String, kind: &'static str, repaired: bool) {
        match kind {
            "missing" => self.missing += 1,
            "extra" => self.extra += 1,
            _ => self.stale += 1,
        }
        self.repaired += u64::from(repaired);
        if self.examples.len() < EXAMPLES {
            self.examples.push(Example { close_id, kind });
        }
    }
}

/// Compares a connection with Close; `repair` also puts right what differs.
pub async fn verify(
    pool: &PgPool,
    connections: &Connections,
    connection_id: Uuid,
    repair: bool,
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
        repair,
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
    stop: &'a CancellationToken,
}

impl Check<'_> {
    async fn all(&self) -> Result<Vec<Drift>, SyncError> {
        let mut drifts = Vec::new();
        for object in SearchedType::ALL {
            drifts.push(self.one_type(object).await?);
        }
        drifts.push(self.transactions().await?);
        Ok(drifts)
    }

    /// Transactions follow from opportunities, so that Close need not be asked.
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
        let table = table(object_type);
        let mut kept = Kept::start(self.pool, self.context.connection_id, table).await?;
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
            record_type: table,
            compared: kept.count,
            ..Drift::default()
        };
        let behind = kept.behind().await?;
        let extra = kept.extra().await?;
        kept.end().await?;
        if behind.len() > BY_ID {
            self.search_again(object, &behind, &mut drift).await?;
        } else {
            self.read_each(object_type, behind, &mut drift).await?;
        }
        self.read_each(object_type, extra, &mut drift).await?;
        Ok(drift)
    }

    /// Reads suspects by their ids.
    async fn read_each(
        &self,
        object_type: ObjectType,
        suspects: Vec<Suspect>,
        drift: &mut Drift,
    ) -> Result<(), SyncError> {
        for batch in suspects.chunks(BATCH) {
            let mut changes = Vec::with_capacity(batch.len());
            for suspect in batch {
                if self.stop.is_cancelled() {
                    return Err(SyncError::Interrupted);
                }
                changes.extend(self.read(object_type, suspect).await?);
            }
            self.judge(changes, drift).await?;
        }
        Ok(())
    }

    /// The object as it is now, or its death; nothing where neither side has it.
    async fn read(
        &self,
        object_type: ObjectType,
        suspect: &Suspect,
    ) -> Result<Option<Change>, SyncError> {
        let path = format!("{}/{}/", object_type.as_str(), suspect.close_id);
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
            .inspect_err(|error| tracing::warn!(close_id = suspect.close_id, %error, "an object can't be read"))
            .ok())
    }

    /// Reads many suspects by searching all that changed since the oldest of them.
    async fn search_again(
        &self,
        object: SearchedType,
        suspects: &[Suspect],
        drift: &mut Drift,
    ) -> Result<(), SyncError> {
        let wanted: std::collections::HashSet<&str> = suspects
            .iter()
            .map(|suspect| suspect.close_id.as_str())
            .collect();
        let oldest = suspects.iter().filter_map(|suspect| suspect.seen).min();
        let fields = custom_fields(self.pool, self.context.connection_id).await?;
        let (client, start) = (self.client.clone(), Position::search(object, oldest));
        let mut walker = Walker::new(
            client,
            start,
            Origin::Sweep,
            false,
            Asked::Everything(fields),
        );
        while let Some(page) = walker.next().await? {
            if self.stop.is_cancelled() {
                return Err(SyncError::Interrupted);
            }
            let mut changes = page.changes;
            changes.retain(|change| wanted.contains(change.close_id.as_str()));
            self.judge(changes, drift).await?;
        }
        Ok(())
    }

    /// Puts changes through the door, and tells by what it would write how the mirror differed.
    async fn judge(&self, changes: Vec<Change>, drift: &mut Drift) -> Result<(), SyncError> {
        if changes.is_empty() {
            return Ok(());
        }
        let ids: Vec<String> = changes
            .iter()
            .map(|change| change.close_id.clone())
            .collect();
        let mut transaction = self.pool.begin().await?;
        let outcomes = apply(&mut transaction, self.context, Some(self.run.id), changes).await?;
        if self.repair {
            transaction.commit().await?;
        } else {
            transaction.rollback().await?;
        }
        for (close_id, outcome) in ids.into_iter().zip(outcomes) {
            match outcome {
                Outcome::Created => drift.count(close_id, "missing", self.repair),
                Outcome::Updated => drift.count(close_id, "stale", self.repair),
                Outcome::Deleted => drift.count(close_id, "extra", self.repair),
                Outcome::Tie | Outcome::Incomplete | Outcome::Invalid(_) => {
                    drift.count(close_id, "stale", false);
                }
                Outcome::Unchanged | Outcome::Stale => {}
            }
        }
        Ok(())
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

const fn table(object_type: ObjectType) -> &'static str {
    match object_type {
        ObjectType::User => RecordType::Member.as_str(),
        ObjectType::Lead => RecordType::Company.as_str(),
        ObjectType::Contact => RecordType::Person.as_str(),
        ObjectType::Opportunity => RecordType::Opportunity.as_str(),
    }
}
