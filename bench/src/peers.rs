//! A first full load of one simulated organization by Closegraph and by its peers, each into a fresh Postgres.

mod python;

use anyhow::{Context, ensure};
use close_sim::{InvoiceLayout, RateLimit, Simulator, SimulatorConfig};
use closegraph_sync::reconcile::{BackfillOptions, Progress, Strategy, backfill, build_indexes};
use closegraph_tests::{Close, Database, PrivatePostgres};
use python::{Python, Timing};
use serde_json::Value;
use sqlx::{Connection, PgConnection};
use std::ffi::OsString;
use std::time::Instant;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// With two contacts each, fewer than the 35,000 that offset paging reaches.
const LEADS: u32 = 10_000;
/// Leads, contacts and opportunities of the organization.
const OBJECTS: [u32; 3] = [LEADS, 2 * LEADS, LEADS];

/// What a peer is run as.
struct Peer {
    /// Of `bench/peers/requirements-….txt`.
    package: &'static str,
    /// The same of the program that writes its rows, where that is another one.
    target: Option<&'static str>,
    /// The way that it goes, in words.
    how: &'static str,
    script: &'static str,
    arguments: &'static [&'static str],
    /// Counts its leads, contacts and opportunities.
    count: &'static str,
}

const PEERS: [Peer; 3] = [
    Peer {
        package: "dlt",
        target: None,
        how: "each endpoint",
        script: "dlt_load.py",
        arguments: &["endpoints"],
        count: "select (select count(*) from close.lead), (select count(*) from close.contact),
                       (select count(*) from close.opportunity)",
    },
    Peer {
        package: "dlt",
        target: None,
        how: "what leads embed",
        script: "dlt_load.py",
        arguments: &["embedded"],
        count: "select (select count(*) from close.lead), (select count(*) from close.lead__contacts),
                       (select count(*) from close.lead__opportunities)",
    },
    Peer {
        package: "tap-closeio",
        target: Some("target-postgres"),
        how: "JSON within leads, by target-postgres",
        script: "tap_closeio_load.py",
        arguments: &[],
        count: "select count(*), sum(cardinality(contacts))::bigint, sum(cardinality(opportunities))::bigint
                  from close.leads",
    },
];

/// A load: its seconds and its requests.
#[derive(Clone, Copy)]
struct Load {
    seconds: f64,
    requests: u64,
}

/// Loads of each, in turn: a machine that others use is slower at times.
const ROUNDS: usize = 3;

/// Says how Closegraph and each peer did, and how they compare.
pub(crate) async fn measure(say: fn(&str)) -> anyhow::Result<()> {
    let mut peers = Vec::new();
    for peer in &PEERS {
        match peer.prepare().await {
            Ok((python, target)) => peers.push((peer, python, target, Vec::new())),
            Err(reason) => {
                let Peer { package, how, .. } = peer;
                say(&format!(
                    "peers        {package} ({how}) skipped: {reason:#}"
                ));
            }
        }
    }
    let mut ours = Vec::new();
    for _ in 0..ROUNDS {
        ours.push(closegraph(say).await?);
        for (peer, python, target, theirs) in &mut peers {
            theirs.push(peer.load(python, target.as_ref(), say).await?);
        }
    }
    let ours = median(ours).context("no round")?;
    let theirs = peers
        .into_iter()
        .filter_map(|(peer, .., loads)| Some((peer, median(loads)?)));
    let theirs: Vec<_> = theirs.collect();
    for (Peer { package, how, .. }, load) in &theirs {
        say(&format!(
            "peers        {package} ({how}): {:.2} s beside {:.2} s, medians of {ROUNDS}; closegraph is {:.1} times faster",
            load.seconds,
            ours.seconds,
            load.seconds / ours.seconds
        ));
    }
    let seconds = theirs.iter().map(|(_, load)| load.seconds).reduce(f64::min);
    let requests = theirs.iter().map(|(_, load)| load.requests).min();
    if let (Some(seconds), Some(requests)) = (seconds, requests) {
        say(&format!(
            "peers        closegraph beside the best of them: {:.1} times faster (at least 5 are wanted), {} requests beside {requests}",
            seconds / ours.seconds,
            ours.requests
        ));
    }
    Ok(())
}

/// The load of which as many were faster as slower.
fn median(mut loads: Vec<Load>) -> Option<Load> {
    loads.sort_by(|one, other| one.seconds.total_cmp(&other.seconds));
    loads.get(loads.len() / 2).copied()
}

/// The organization that all of them load, and a limit that throttles none of them. It is told in headers, for without
/// them Closegraph would keep to the pace of Close's documentation.
fn organization() -> SimulatorConfig {
    SimulatorConfig {
        leads: LEADS,
        invoices: InvoiceLayout::None,
        contacts_per_lead: Some(2),
        opportunities_per_lead: Some(1),
        traffic_per_second: 0.0,
        rate_limit: RateLimit {
            requests: 1_000_000,
            ..RateLimit::default()
        },
        ..SimulatorConfig::default()
    }
}

/// Our backfill. What connecting asked before it is not counted.
async fn closegraph(say: fn(&str)) -> anyhow::Result<Load> {
    let objects: u32 = OBJECTS.iter().sum();
    let database = Database::start(&[]).await?;
    let close = Close::connect(&database, organization()).await?;
    let before = requests(&close.simulator).await?;
    let options = BackfillOptions {
        strategy: Strategy::Auto,
        restart: false,
    };
    let (progress, _) = watch::channel(Progress::default());
    let stop = CancellationToken::new();
    let (connections, id) = (&close.connections, close.connection);
    let pool = database.pool_of_server().await?;
    let start = Instant::now();
    backfill(&pool, connections, id, &options, &progress, &stop).await?;
    let seconds = start.elapsed().as_secs_f64();
    let requests = requests(&close.simulator).await? - before;
    build_indexes(&pool, &stop).await?;
    say(&format!(
        "peers        closegraph: {LEADS} leads ({objects} objects) in {seconds:.2} s with {requests} requests; \
         searches have their indexes {:.2} s later",
        start.elapsed().as_secs_f64() - seconds
    ));
    close.ensure_mirrored(&database).await?;
    Ok(Load { seconds, requests })
}

impl Peer {
    /// The Python of its script, and of the program that writes its rows.
    async fn prepare(&self) -> anyhow::Result<(Python, Option<Python>)> {
        let python = Python::prepare(self.package).await?;
        let target = match self.target {
            Some(package) => Some(Python::prepare(package).await?),
            None => None,
        };
        Ok((python, target))
    }

    /// Its load. Fails unless all objects have arrived.
    async fn load(
        &self,
        python: &Python,
        target: Option<&Python>,
        say: fn(&str),
    ) -> anyhow::Result<Load> {
        let postgres = PrivatePostgres::start().await?;
        let url = postgres.database("peer").await?;
        // SQLAlchemy knows no shorter scheme.
        let peers_url = url.replacen("postgres://", "postgresql://", 1);
        let shutdown = CancellationToken::new();
        let _stopped = shutdown.clone().drop_guard();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let simulator = Simulator::start(organization(), listener, shutdown).await?;
        let mut environment: Vec<(&str, OsString)> = vec![
            ("PEER_CLOSE_URL", simulator.base_url().to_string().into()),
            ("PEER_API_KEY", simulator.api_key().into()),
            ("PEER_POSTGRES_URL", peers_url.into()),
        ];
        if let Some(target) = target {
            environment.push(("PEER_TARGET_PYTHON", target.program().into()));
        }
        let Timing { load, total } = python
            .run(self.script, self.arguments, environment)
            .await
            .with_context(|| format!("{} failed", self.package))?;
        let requests = requests(&simulator).await?;
        let mut connection = PgConnection::connect(&url).await?;
        let arrived: (i64, i64, i64) = sqlx::query_as(self.count)
            .fetch_one(&mut connection)
            .await?;
        let there = OBJECTS.map(i64::from);
        ensure!(
            <[i64; 3]>::from(arrived) == there,
            "{}: {arrived:?} of {there:?} have arrived",
            self.package
        );
        let seconds = load.as_secs_f64();
        say(&format!(
            "peers        {} {} ({}): the same in {seconds:.2} s ({:.2} s with its start) with {requests} requests",
            self.package,
            python.version(),
            self.how,
            total.as_secs_f64(),
        ));
        Ok(Load { seconds, requests })
    }
}

/// Requests that a simulator has answered.
async fn requests(simulator: &Simulator) -> anyhow::Result<u64> {
    let url = simulator.control_url().join("requests")?;
    let seen: Value = reqwest::get(url).await?.error_for_status()?.json().await?;
    let refused = seen.pointer("/statuses/429");
    ensure!(refused.is_none(), "somebody was throttled: {seen}");
    seen.get("total")
        .and_then(Value::as_u64)
        .with_context(|| format!("no total: {seen}"))
}
