//! Webhook deliveries: how fast they are acknowledged and applied, beside pgbench inserting the same body row by row: into
//! a table as the inbox is, as a receiver would that writes where it is asked, and into one as our own log is.

mod event;
mod paced;
mod peer;
mod sender;

pub(crate) use paced::measure as paced;

use anyhow::ensure;
use close_sim::SimulatorConfig;
use closegraph_api::Limits;
use closegraph_sync::reconcile::{BackfillOptions, Progress, Strategy, backfill, build_indexes};
use closegraph_sync::{Schedule, SyncOptions, SyncService};
use closegraph_tests::{Close, Database, SETTLED, vault};
use event::Events;
use peer::{Like, Peer};
use sender::Sender;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Companies that the events are about.
const LEADS: u32 = 5_000;
/// How long each number of senders is measured, and pgbench with as many clients.
const SPAN: Duration = Duration::from_secs(5);
/// More than can be acknowledged in that time.
const ENOUGH: usize = 200_000;

/// A mirror whose receiver is up and whose workers are not.
struct Receiving {
    database: Database,
    close: Close,
    service: SyncService,
    address: SocketAddr,
}

impl Receiving {
    async fn start() -> anyhow::Result<Self> {
        let database = Database::start(&[]).await?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let config = SimulatorConfig {
            leads: LEADS,
            traffic_per_second: 0.0,
            ..SimulatorConfig::default()
        };
        let public_url = Some(format!("http://{address}/"));
        let close = Close::connect_at(&database, config, public_url).await?;
        let never = Duration::from_secs(1_000_000);
        let options = SyncOptions {
            schedule: Schedule {
                catch_up: never,
                sweep: never,
                verify: never,
                settings: never,
                subscription: never,
            },
            ..SyncOptions::default()
        };
        let service = SyncService::new(database.pool_of_server().await?, vault()?, options);
        let router = service.router();
        tokio::spawn(async move {
            let (limits, stop) = (Limits::default(), CancellationToken::new());
            closegraph::serve(listener, router, &limits, stop).await;
        });
        let load = BackfillOptions {
            strategy: Strategy::Auto,
            restart: false,
        };
        let ((progress, _), stop) = (
            watch::channel(Progress::default()),
            CancellationToken::new(),
        );
        let (connections, id) = (&close.connections, close.connection);
        backfill(&database.pool, connections, id, &load, &progress, &stop).await?;
        build_indexes(&database.pool, &CancellationToken::new()).await?;
        Ok(Self {
            database,
            close,
            service,
            address,
        })
    }

    /// Acknowledged deliveries and the seconds that they took.
    async fn acknowledge(&self, events: &Events, senders: usize) -> anyhow::Result<(usize, f64)> {
        let requests = std::sync::Arc::new(events.requests(ENOUGH)?);
        let next = std::sync::Arc::new(AtomicUsize::new(0));
        let start = Instant::now();
        let mut sending = JoinSet::new();
        for _ in 0..senders {
            let (requests, next) = (requests.clone(), next.clone());
            let mut sender = Sender::connect(self.address).await?;
            sending.spawn(async move {
                while start.elapsed() < SPAN {
                    let turn = next.fetch_add(1, Ordering::Relaxed);
                    // A fast machine sends all of them before the span is over.
                    let Some(request) = requests.get(turn) else {
                        break;
                    };
                    sender.send(request).await?;
                }
                anyhow::Ok(())
            });
        }
        while let Some(sent) = sending.join_next().await {
            sent??;
        }
        let sent = next.load(Ordering::Relaxed).min(requests.len());
        events.sent(sent);
        Ok((sent, start.elapsed().as_secs_f64()))
    }

    /// Fails unless Postgres holds each delivery that was acknowledged, whatever became of it.
    async fn ensure_durable(&self, events: &Events) -> anyhow::Result<()> {
        let durable: i64 = sqlx::query_scalar(
            "select count(*) from (
                select id from delivery where payload like '%\"ev_bench%'
                 union
                select id from event where close_event_id like 'ev_bench%') durable",
        )
        .fetch_one(&self.database.pool)
        .await?;
        let sent = i64::try_from(events.count())?;
        ensure!(durable == sent, "{sent} acknowledged, {durable} durable");
        Ok(())
    }

    /// Seconds until all that was acknowledged is applied.
    async fn apply(&self) -> anyhow::Result<f64> {
        let stop = CancellationToken::new();
        let (service, stopped) = (self.service.clone(), stop.clone());
        let start = Instant::now();
        let running = tokio::spawn(async move { service.run(stopped).await });
        loop {
            let settled: bool = sqlx::query_scalar(SETTLED)
                .fetch_one(&self.database.pool)
                .await?;
            if settled {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let took = start.elapsed().as_secs_f64();
        stop.cancel();
        running.await?;
        Ok(took)
    }

    /// Fails unless every event is there once, and every company is as its last event left it. Answers how many events
    /// newer ones overtook: of two that are about one company the later may be the first to arrive.
    async fn ensure_complete(&self, events: &Events) -> anyhow::Result<i64> {
        let (stored, applied, stale): (i64, i64, i64) = sqlx::query_as(
            "select count(distinct close_event_id), count(*) filter (where state = 'applied'),
                    count(*) filter (where state = 'stale')
               from event where close_event_id like 'ev_bench%'",
        )
        .fetch_one(&self.database.pool)
        .await?;
        let sent = i64::try_from(events.count())?;
        ensure!(
            (stored, applied + stale) == (sent, sent),
            "{sent} sent, {stored} stored, {applied} applied, {stale} overtaken"
        );
        let rows: Vec<(String, String)> =
            sqlx::query_as("select close_id, name from company where name like 'Event %'")
                .fetch_all(&self.database.pool)
                .await?;
        ensure!(rows.len() == events.companies(), "a company has no event");
        for (close_id, name) in rows {
            let last = events.last_name(&close_id);
            ensure!(
                last.as_ref() == Some(&name),
                "{close_id} is {name}, not {last:?}"
            );
        }
        Ok(stale)
    }
}

/// Acknowledgements and what is applied of them.
#[expect(clippy::cast_precision_loss, reason = "rates")]
pub(crate) async fn measure(say: fn(&str)) -> anyhow::Result<()> {
    let receiving = Receiving::start().await?;
    let events = Events::of(&receiving.close).await?;
    let peer = Peer::start(&receiving.database, &events).await?;
    for senders in [1, 10, 32] {
        let inserted = peer.insert(Like::Inbox, senders, SPAN)?;
        let (sent, took) = receiving.acknowledge(&events, senders).await?;
        receiving.ensure_durable(&events).await?;
        let logged = peer.insert(Like::Log, senders, SPAN)?;
        let rate = sent as f64 / took;
        say(&format!(
            "deliveries   {senders:>2} senders: {rate:.0} acknowledged/s; pgbench inserts {inserted:.0}/s like the inbox: \
             ratio {:.2}; {logged:.0}/s like our log: ratio {:.2}",
            rate / inserted,
            rate / logged
        ));
    }
    let took = receiving.apply().await?;
    let overtaken = receiving.ensure_complete(&events).await?;
    let count = events.count();
    say(&format!(
        "applied      {count} events in {took:.2} s: {:.0}/s; each arrived, {overtaken} after a newer one, and each company is \
         as its last event left it",
        count as f64 / took
    ));
    Ok(())
}
