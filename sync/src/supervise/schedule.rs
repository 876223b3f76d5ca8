//! What is due, and when. Postgres remembers when each task last ran, so that any number of processes together run it
//! as often as one would, and a start after a long stop catches up at once.

use crate::connect::Connections;
use crate::error::SyncError;
use crate::mapping::MappingContext;
use sqlx::PgPool;
use std::time::Duration;
use uuid::Uuid;

/// How often each task of a connection runs.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    /// Reading the event log; ten times rarer while a webhook works, since each reading starts five minutes back. As often, a
    /// connection by MCP is polled.
    pub catch_up: Duration,
    /// Searching for what changed.
    pub sweep: Duration,
    /// Comparing every id and version, and repairing what differs.
    pub verify: Duration,
    /// Reading the organization, its users, its custom fields and what its statuses and pipelines are called.
    pub settings: Duration,
    /// Comparing the webhook subscription with what it should be.
    pub subscription: Duration,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            catch_up: Duration::from_secs(30),
            sweep: Duration::from_secs(3_600),
            verify: Duration::from_secs(86_400),
            settings: Duration::from_secs(900),
            subscription: Duration::from_secs(300),
        }
    }
}

/// A task of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Task {
    Subscription,
    CatchUp,
    Settings,
    Backfill,
    Remap,
    Match,
    Sweep,
    Verify,
    Poll,
}

impl Task {
    /// Its name in logs and labels.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Subscription => "subscription",
            Self::CatchUp => "catch_up",
            Self::Settings => "settings",
            Self::Backfill => "backfill",
            Self::Remap => "remap",
            Self::Match => "match",
            Self::Sweep => "sweep",
            Self::Verify => "verify",
            Self::Poll => "poll",
        }
    }

    /// Whether it may take long: few of these run at once, so that the others never wait for them.
    pub(super) const fn is_long(self) -> bool {
        matches!(
            self,
            Self::Backfill | Self::Remap | Self::Sweep | Self::Verify | Self::Poll
        )
    }

    /// How often it runs; what runs until it is done has no such time.
    pub(super) const fn period(self, schedule: &Schedule) -> Option<Duration> {
        match self {
            Self::Subscription => Some(schedule.subscription),
            Self::CatchUp | Self::Poll => Some(schedule.catch_up),
            Self::Settings => Some(schedule.settings),
            Self::Sweep => Some(schedule.sweep),
            Self::Verify => Some(schedule.verify),
            Self::Backfill | Self::Remap | Self::Match => None,
        }
    }
}

/// Seconds since each task of each connection last ran, and what its rows were mapped by. Behind a run that did not
/// succeed time counts 60 times: it is tried again after a sixtieth of the pause. Settings
/// are read at once when an event says that a type or field was defined anew.
const LAST: &str = "
    select c.id, c.auth_method = 'mcp' as by_mcp,
           extract(epoch from now() - c.webhook_checked_at)::float8 as subscription,
           extract(epoch from now() - (select updated_at from sync_checkpoint s
                                        where s.connection_id = c.id and s.stream = 'event_log'))::float8
               / case when c.webhook_status = 'active' and c.webhook_problem is null then 10 else 1 end as catch_up,
           case when exists (select from event e
                              where e.connection_id = c.id and e.received_at > c.settings_read_at
                                and e.object_type in ('custom_object_type', 'custom_activity_type', 'custom_fields.custom_object',
                                                      'custom_fields.activity', 'custom_fields.shared')) then null
                else extract(epoch from now() - c.settings_read_at)::float8 end as settings,
           (select extract(epoch from now() - r.started_at)::float8 * case r.status when 'succeeded' then 1 else 60 end
              from sync_run r where r.connection_id = c.id and r.kind = 'sweep'
             order by r.started_at desc, r.id desc limit 1) as sweep,
           (select extract(epoch from now() - r.started_at)::float8 * case r.status when 'succeeded' then 1 else 60 end
              from sync_run r where r.connection_id = c.id and r.kind in ('verify', 'backfill')
             order by r.started_at desc, r.id desc limit 1) as verify,
           exists (select from sync_checkpoint s
                    where s.connection_id = c.id and s.stream = 'backfill'
                      and s.position ->> 'stage' = 'done') as backfilled,
           exists (select from match_queue m where m.connection_id = c.id) as unmatched,
           (select s.position #>> '{}' from sync_checkpoint s
             where s.connection_id = c.id and s.stream = 'mapping') as mapped
      from connection c where c.status = 'active' order by c.created_at";

#[derive(sqlx::FromRow)]
struct Last {
    id: Uuid,
    /// Its settings are read, and it is polled: there is no feed.
    by_mcp: bool,
    subscription: Option<f64>,
    catch_up: Option<f64>,
    settings: Option<f64>,
    sweep: Option<f64>,
    verify: Option<f64>,
    backfilled: bool,
    unmatched: bool,
    mapped: Option<String>,
}

impl Last {
    fn due(&self, schedule: &Schedule, first: bool, fingerprint: Option<Uuid>) -> Vec<Task> {
        let is_due =
            |age: Option<f64>, every: Duration| age.is_none_or(|age| age >= every.as_secs_f64());
        // Until the first full load is complete, everything is missing anyway.
        let complete = self.backfilled || self.by_mcp;
        let mapped = self.mapped.as_deref().and_then(|text| text.parse().ok());
        [
            (
                Task::Subscription,
                is_due(self.subscription, schedule.subscription),
            ),
            (
                Task::CatchUp,
                first || is_due(self.catch_up, schedule.catch_up),
            ),
            (Task::Settings, is_due(self.settings, schedule.settings)),
            // Types and fields are known first: what no type is known of is not read.
            (Task::Backfill, !complete && self.settings.is_some()),
            (
                Task::Remap,
                complete && fingerprint.is_some() && mapped != fingerprint,
            ),
            (Task::Match, self.unmatched),
            (Task::Sweep, complete && is_due(self.sweep, schedule.sweep)),
            (
                Task::Verify,
                complete && is_due(self.verify, schedule.verify),
            ),
        ]
        .into_iter()
        .filter(|(task, _)| {
            !self.by_mcp || matches!(task, Task::Settings | Task::Remap | Task::Match)
        })
        .chain([(
            Task::Poll,
            self.by_mcp && is_due(self.sweep, schedule.catch_up),
        )])
        .filter_map(|(task, due)| due.then_some(task))
        .collect()
    }
}

/// What is due of all connections. `first` is the first look after a start.
pub(super) async fn due(
    pool: &PgPool,
    connections: &Connections,
    schedule: &Schedule,
    first: bool,
) -> Result<Vec<(Uuid, Task)>, SyncError> {
    let last: Vec<Last> = sqlx::query_as(LAST).fetch_all(pool).await?;
    let mappings = connections.mappings().await?;
    let mut due = Vec::new();
    for last in last {
        let fingerprint = mappings.get(&last.id).map(MappingContext::fingerprint);
        let tasks = last.due(schedule, first, fingerprint);
        due.extend(tasks.into_iter().map(|task| (last.id, task)));
    }
    Ok(due)
}
