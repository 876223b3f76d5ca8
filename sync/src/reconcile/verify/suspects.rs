//! What Close showed, in a table of the session, and how the mirror differs from it.

use super::drift::{Difference, Drift};
use crate::apply::record_type;
use crate::close::ObjectType;
use chrono::{DateTime, Utc};
use closegraph_entity::record::RecordType;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, PgPool, Postgres, Transaction};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// How long the inbox may take to work off what had arrived when the ids were read.
const PATIENCE: Duration = Duration::from_secs(60);

/// An object as the search showed it.
pub(super) struct Seen {
    pub(super) close_id: String,
    pub(super) version: DateTime<Utc>,
}

/// An object on which the two sides may differ.
#[derive(Clone, Debug)]
pub(super) struct Suspect {
    pub(super) close_id: String,
    /// Its version in Close, where the search showed it.
    pub(super) seen: Option<DateTime<Utc>>,
    /// Its version in the mirror, where it has a row.
    pub(super) version: Option<DateTime<Utc>>,
}

/// The ids of one type that Close showed.
pub(super) struct Kept {
    session: PgConnection,
    connection_id: Uuid,
    record_type: RecordType,
    /// The rows of the mirror, as a table or a selection of one.
    rows: &'static str,
    /// By the database's clock, which also stamps rows.
    started_at: DateTime<Utc>,
    pub(super) count: u64,
}

impl Kept {
    pub(super) async fn start(
        pool: &PgPool,
        connection_id: Uuid,
        object_type: ObjectType,
    ) -> Result<Self, sqlx::Error> {
        let mut session = pool.acquire().await?.detach();
        sqlx::query(
            "create temp table seen (close_id text primary key, version timestamptz not null)",
        )
        .execute(&mut session)
        .await?;
        // Comparing a million ids may take longer than a request may.
        sqlx::query("set statement_timeout = 0")
            .execute(&mut session)
            .await?;
        let started_at = sqlx::query_scalar("select now()")
            .fetch_one(&mut session)
            .await?;
        Ok(Self {
            session,
            connection_id,
            record_type: record_type(object_type),
            rows: match object_type {
                ObjectType::CustomObject => {
                    "(select * from custom_record where kind = 'custom_object')"
                }
                ObjectType::CustomActivity => {
                    "(select * from custom_record where kind = 'custom_activity')"
                }
                other => record_type(other).as_str(),
            },
            started_at,
            count: 0,
        })
    }

    pub(super) async fn add(&mut self, page: Vec<Seen>) -> Result<(), sqlx::Error> {
        let (ids, versions): (Vec<String>, Vec<DateTime<Utc>>) = page
            .into_iter()
            .map(|seen| (seen.close_id, seen.version))
            .unzip();
        let added: Vec<bool> = sqlx::query_scalar(
            "insert into seen as known (close_id, version) select * from unnest($1::text[], $2::timestamptz[])
             on conflict (close_id) do update set version = greatest(known.version, excluded.version)
             returning xmax = 0",
        )
        .bind(ids)
        .bind(versions)
        .fetch_all(&mut self.session)
        .await?;
        self.count += added.into_iter().filter(|new| *new).count() as u64;
        Ok(())
    }

    /// What Close has in a newer version, or the mirror has not at all.
    pub(super) async fn behind(&mut self) -> Result<Vec<Suspect>, sqlx::Error> {
        let sql = format!(
            "select s.close_id, s.version, r.source_updated_at
               from seen s
               left join {} r on r.connection_id = $1 and r.close_id = s.close_id
              where (r.id is null or r.source_updated_at < s.version)
                and not exists (select from tombstone t
                                 where t.connection_id = $1 and t.record_type = $2 and t.close_id = s.close_id
                                   and r.id is null and (t.version >= s.version or t.forgotten_at is not null))
              order by s.version",
            self.rows
        );
        self.suspects(&sql).await
    }

    /// What the mirror had before Close was read, and Close did not show.
    pub(super) async fn extra(&mut self) -> Result<Vec<Suspect>, sqlx::Error> {
        let sql = format!(
            "select r.close_id, null::timestamptz, r.source_updated_at
               from {} r
              where r.connection_id = $1 and r.synced_at < $3
                and not exists (select from seen s where s.close_id = r.close_id)
                and $2 is not null",
            self.rows
        );
        self.suspects(&sql).await
    }

    async fn suspects(&mut self, sql: &str) -> Result<Vec<Suspect>, sqlx::Error> {
        type Found = (String, Option<DateTime<Utc>>, Option<DateTime<Utc>>);
        // The text is put together from our own names.
        let mut query = sqlx::query_as::<_, Found>(AssertSqlSafe(sql.to_owned()))
            .bind(self.connection_id)
            .bind(self.record_type.as_str());
        if sql.contains("$3") {
            query = query.bind(self.started_at);
        }
        let found = query.fetch_all(&mut self.session).await?;
        Ok(found
            .into_iter()
            .map(|(close_id, seen, version)| Suspect {
                close_id,
                seen,
                version,
            })
            .collect())
    }

    pub(super) async fn end(self) -> Result<(), sqlx::Error> {
        self.session.close().await
    }
}

/// Waits until the inbox has worked off what had arrived by now, for a while at most: what it still holds then counts
/// as not there.
pub(super) async fn settle(pool: &PgPool, connection_id: Uuid) -> Result<(), sqlx::Error> {
    let start = Instant::now();
    let now: DateTime<Utc> = sqlx::query_scalar("select now()").fetch_one(pool).await?;
    while start.elapsed() < PATIENCE {
        let waiting: bool = sqlx::query_scalar(
            "select exists (select from event
                             where connection_id = $1 and state = 'pending' and received_at <= $2
                               and next_attempt_at <= now() and action <> 'read')
                 or exists (select from delivery where connection_id = $1 and received_at <= $2)",
        )
        .bind(connection_id)
        .bind(now)
        .fetch_one(pool)
        .await?;
        if !waiting {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

/// Won deals beside the transactions that they are booked as, and what was paid of invoices beside the sum of their
/// payments. All of it is ours, so that no request is needed.
pub(super) async fn transactions(pool: &PgPool, connection_id: Uuid) -> Result<Drift, sqlx::Error> {
    let found: Vec<(String, Option<String>, i64)> = sqlx::query_as(
        "with compared as (
             select coalesce(o.close_id, t.close_id) as close_id,
                    case when t.id is null then 'missing'
                         when o.id is null then 'extra'
                         when (t.amount_minor, t.currency, t.occurred_on, t.company_id)
                              is distinct from (o.value_minor, o.currency, o.won_on, o.company_id) then 'stale'
                    end as kind
               from (select * from opportunity where connection_id = $1 and status = 'won') o
               full join (select * from transaction where connection_id = $1 and kind = 'won_deal') t
                 on t.opportunity_id = o.id
             union all
             select r.close_id, case when coalesce(r.paid_minor, 0) <> coalesce(paid.minor, 0) then 'stale' end
               from receivable r
               left join lateral (
                    select sum(t.amount_minor) as minor from transaction t
                     where t.receivable_id = r.id and t.kind = 'invoice_payment' and t.currency = r.currency) paid on true
              where r.connection_id = $1)
         select min(close_id), kind, count(*) from compared group by kind",
    )
    .bind(connection_id)
    .fetch_all(pool)
    .await?;
    let mut drift = Drift {
        record_type: "transaction",
        ..Drift::default()
    };
    for (close_id, kind, count) in found {
        let count = u64::try_from(count).unwrap_or(0);
        drift.compared += count;
        let kind = match kind.as_deref() {
            Some("missing") => "missing",
            Some("extra") => "extra",
            Some(_) => "stale",
            None => continue,
        };
        drift.count(Difference {
            close_id,
            kind,
            repaired: false,
        });
        // The example stands for all of its kind.
        match kind {
            "missing" => drift.missing = count,
            "extra" => drift.extra = count,
            _ => drift.stale = count,
        }
    }
    Ok(drift)
}

/// Keeps what was found of one type.
pub(super) async fn keep(
    transaction: &mut Transaction<'_, Postgres>,
    connection_id: Uuid,
    run_id: Uuid,
    drift: &Drift,
) -> Result<(), sqlx::Error> {
    let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    sqlx::query(
        "insert into drift (connection_id, record_type, run_id, compared, missing, extra, stale, repaired, examples)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         on conflict (connection_id, record_type) do update
            set run_id = excluded.run_id, checked_at = now(), compared = excluded.compared,
                missing = excluded.missing, extra = excluded.extra, stale = excluded.stale,
                repaired = excluded.repaired, examples = excluded.examples",
    )
    .bind(connection_id)
    .bind(drift.record_type)
    .bind(run_id)
    .bind(number(drift.compared))
    .bind(number(drift.missing))
    .bind(number(drift.extra))
    .bind(number(drift.stale))
    .bind(number(drift.repaired))
    .bind(sqlx::types::Json(&drift.examples))
    .execute(&mut **transaction)
    .await
    .map(drop)
}
