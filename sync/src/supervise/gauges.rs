//! Facts of Postgres as gauges. They are set anew at each reading; the recorder drops those that are not set any more,
//! so a connection that goes away takes its gauges along.

use crate::error::SyncError;
use sqlx::PgPool;
use uuid::Uuid;

/// One row a connection that is not disconnected. What waits is read once for all of them, half a second for a million
/// events; the rest is a few probes of an index for each.
const FACTS: &str = "
    select c.id, c.status, coalesce(w.pending, 0) as pending, coalesce(w.failed, 0) as failed,
           coalesce(w.held, 0) as held, coalesce(w.lag, 0) as lag, d.dead,
           c.webhook_signing_key is not null and c.webhook_url is not null as subscribed,
           coalesce(c.webhook_status = 'active' and c.webhook_problem is null, false) as delivering,
           exists (select from sync_checkpoint s
                    where s.connection_id = c.id
                      and (s.stream = 'mcp' or s.stream = 'backfill' and s.position ->> 'stage' = 'done')) as backfilled,
           (select extract(epoch from s.updated_at)::float8 from sync_checkpoint s
             where s.connection_id = c.id and s.stream = 'event_log') as caught_up_at,
           (select extract(epoch from max(r.finished_at))::float8 from sync_run r
             where r.connection_id = c.id and r.status = 'succeeded' and r.kind = 'sweep') as swept_at,
           greatest((select extract(epoch from max(r.finished_at))::float8 from sync_run r
                      where r.connection_id = c.id and r.status = 'succeeded' and r.kind = 'verify'),
                    (select extract(epoch from max(r.finished_at))::float8 from sync_run r
                      where r.connection_id = c.id and r.status = 'succeeded' and r.kind = 'backfill')) as verified_at,
           extract(epoch from c.settings_read_at)::float8 as settings_at,
           extract(epoch from c.webhook_checked_at)::float8 as subscription_at,
           f.missing, f.extra, f.stale, f.unrepaired
      from connection c
      left join (
           select e.connection_id,
                  count(*) filter (where e.state = 'pending' and e.next_attempt_at < 'infinity') as pending,
                  count(*) filter (where e.state = 'failed') as failed,
                  count(*) filter (where e.state = 'pending' and e.next_attempt_at = 'infinity') as held,
                  greatest(0, extract(epoch from now() - min(e.received_at)))::float8 as lag
             from (select connection_id, state, next_attempt_at, received_at
                     from event where state in ('pending', 'failed')
                    union all
                   select connection_id, 'pending', received_at, received_at from delivery) e
            group by e.connection_id) w on w.connection_id = c.id
     cross join lateral (
           select count(*) as dead from event e where e.connection_id = c.id and e.state = 'dead') d
     cross join lateral (
           select sum(x.missing)::float8 as missing, sum(x.extra)::float8 as extra, sum(x.stale)::float8 as stale,
                  sum(x.missing + x.extra + x.stale - x.repaired)::float8 as unrepaired
             from drift x where x.connection_id = c.id) f
     where c.status <> 'disconnected'";

#[derive(Debug, sqlx::FromRow)]
struct Facts {
    id: Uuid,
    status: String,
    pending: i64,
    failed: i64,
    held: i64,
    lag: f64,
    dead: i64,
    subscribed: bool,
    delivering: bool,
    backfilled: bool,
    caught_up_at: Option<f64>,
    swept_at: Option<f64>,
    verified_at: Option<f64>,
    settings_at: Option<f64>,
    subscription_at: Option<f64>,
    missing: Option<f64>,
    extra: Option<f64>,
    stale: Option<f64>,
    unrepaired: Option<f64>,
}

/// Reads the facts and sets the gauges.
pub(super) async fn publish(pool: &PgPool) -> Result<(), SyncError> {
    let found: Result<Vec<Facts>, sqlx::Error> = sqlx::query_as(FACTS).fetch_all(pool).await;
    let outcome = if found.is_ok() { "succeeded" } else { "failed" };
    metrics::counter!("closegraph_fact_reads_total", "outcome" => outcome).increment(1);
    let found = found?;
    for status in ["active", "paused", "needs_reconnect"] {
        let count = found.iter().filter(|facts| facts.status == status).count();
        metrics::gauge!("closegraph_connections", "status" => status).set(count as f64);
    }
    for facts in &found {
        facts.publish();
    }
    Ok(())
}

impl Facts {
    fn publish(&self) {
        let connection = self.id.to_string();
        let labelled =
            |name: &'static str, label: &'static str, values: &[(&'static str, Option<f64>)]| {
                for (word, value) in values {
                    if let Some(value) = value {
                        metrics::gauge!(name, "connection" => connection.clone(), label => *word)
                            .set(*value);
                    }
                }
            };
        let count = |count: i64| Some(count as f64);
        labelled(
            "closegraph_inbox_events",
            "state",
            &[
                ("pending", count(self.pending)),
                ("failed", count(self.failed)),
                ("held", count(self.held)),
                ("dead", count(self.dead)),
            ],
        );
        labelled(
            "closegraph_task_last_success_timestamp_seconds",
            "task",
            &[
                ("catch_up", self.caught_up_at),
                ("sweep", self.swept_at),
                ("verify", self.verified_at),
                ("settings", self.settings_at),
                ("subscription", self.subscription_at),
            ],
        );
        labelled(
            "closegraph_drift_records",
            "kind",
            &[
                ("missing", self.missing),
                ("extra", self.extra),
                ("stale", self.stale),
                ("unrepaired", self.unrepaired),
            ],
        );
        let set = |name: &'static str, value: f64| {
            metrics::gauge!(name, "connection" => connection.clone()).set(value);
        };
        let truth = |is: bool| f64::from(u8::from(is));
        set("closegraph_inbox_lag_seconds", self.lag);
        set(
            "closegraph_connection_active",
            truth(self.status == "active"),
        );
        set("closegraph_backfill_complete", truth(self.backfilled));
        if self.subscribed {
            set("closegraph_subscription_healthy", truth(self.delivering));
        }
    }
}
