//! Three processes sync one organization over one Postgres, and one after the other is killed.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use assert_cmd::Command;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use closegraph_tests::{CloseSim, DataDir, PrivatePostgres, Serving, WAITING, free_port};
use sqlx::PgPool;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

const PROCESSES: usize = 3;
const KEY: &str = "2222222222222222222222222222222222222222222222222222222222222222";

/// What stands before the processes: deliveries go to one after the other, or to the next that answers.
#[derive(Clone)]
struct Balancer {
    http: reqwest::Client,
    addresses: Arc<[String]>,
    next: Arc<AtomicUsize>,
}

impl Balancer {
    async fn start(addresses: Vec<String>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = format!("http://{}/", listener.local_addr().unwrap());
        let balancer = Self {
            http: reqwest::Client::new(),
            addresses: addresses.into(),
            next: Arc::default(),
        };
        let router = Router::new().fallback(forward).with_state(balancer);
        tokio::spawn(async move { axum::serve(listener, router).await });
        own
    }
}

async fn forward(State(balancer): State<Balancer>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let first = balancer.next.fetch_add(1, Ordering::Relaxed);
    for turn in 0..PROCESSES {
        let address = &balancer.addresses[(first + turn) % PROCESSES];
        let url = format!("{address}{}", head.uri.path());
        let forwarded = balancer.http.request(head.method.clone(), url);
        let forwarded = forwarded.headers(head.headers.clone()).body(body.clone());
        if let Ok(answer) = forwarded.send().await {
            let status = answer.status();
            let bytes = answer.bytes().await.unwrap_or_default();
            return (status, Body::from(bytes)).into_response();
        }
    }
    StatusCode::BAD_GATEWAY.into_response()
}

/// Three processes over one database.
struct Deployment {
    // Dropped in this order.
    processes: Vec<Option<Serving>>,
    sim: CloseSim,
    url: String,
    public_url: String,
    ports: Vec<u16>,
    data_dir: DataDir,
    _postgres: PrivatePostgres,
}

impl Deployment {
    async fn start() -> Self {
        let postgres = PrivatePostgres::start().await.unwrap();
        let url = postgres.database("closegraph").await.unwrap();
        let ports: Vec<u16> = (0..PROCESSES).map(|_| free_port().unwrap()).collect();
        let addresses = ports.iter().map(|port| format!("http://127.0.0.1:{port}"));
        let public_url = Balancer::start(addresses.collect()).await;
        let options = [
            "--leads",
            "3000",
            "--traffic",
            "20",
            "--retry-first-ms",
            "300",
            "--retry-max-ms",
            "1000",
            "--rate-limit",
            "10",
            "--rate-limit-window",
            "1",
        ];
        let mut deployment = Self {
            processes: (0..PROCESSES).map(|_| None).collect(),
            sim: CloseSim::start(&options).unwrap(),
            url,
            public_url,
            ports,
            data_dir: DataDir::new().unwrap(),
            _postgres: postgres,
        };
        for which in 0..PROCESSES {
            deployment.run(which).await;
        }
        deployment
    }

    /// Starts a process that is not there.
    async fn run(&mut self, which: usize) {
        let port = self.ports[which];
        let mut command = std::process::Command::new(closegraph_tests::program().unwrap());
        command.env("CLOSEGRAPH_HTTP_LISTEN", format!("127.0.0.1:{port}"));
        command.env("CLOSEGRAPH_SYNC_CATCH_UP_S", "2");
        command.env("CLOSEGRAPH_SYNC_SWEEP_S", "5");
        let variables = self.variables();
        let variables = variables.each_ref().map(|(name, value)| (*name, &**value));
        let mut process =
            Serving::spawn_role(command, &self.data_dir, port, &variables, "sync").unwrap();
        process.ready().await.unwrap();
        self.processes[which] = Some(process);
    }

    fn variables(&self) -> [(&'static str, String); 7] {
        [
            ("DATABASE_URL", self.url.clone()),
            ("CLOSEGRAPH_VAULT_KEY", KEY.to_owned()),
            ("CLOSEGRAPH_SYNC_POLL_MS", "200".to_owned()),
            ("CLOSEGRAPH_HTTP_PUBLIC_URL", self.public_url.clone()),
            ("CLOSE_API_KEY", self.sim.api_key().to_owned()),
            ("CLOSE_BASE_URL", self.sim.base_url().to_owned()),
            ("CLOSEGRAPH_LOG_FILTER", "warn".to_owned()),
        ]
    }

    /// What a process counted of the events that it worked off.
    async fn worked_off(&self, which: usize) -> bool {
        let url = format!("http://127.0.0.1:{}/metrics", self.ports[which]);
        let answer = reqwest::get(url).await;
        let metrics = match answer {
            Ok(answer) => answer.text().await.unwrap(),
            Err(error) => panic!("process {which}: {error}; all have said: {}", self.said()),
        };
        metrics.contains("closegraph_events_total{outcome=\"applied\"}")
    }

    /// What the processes logged.
    fn said(&self) -> String {
        std::fs::read_to_string(self.data_dir.path().join("serve.log")).unwrap()
    }

    fn verify(&self) -> Command {
        let mut command = Command::new(closegraph_tests::program().unwrap());
        command
            .args(["verify", "--json", "--patience", "0"])
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(self.variables())
            .current_dir(self.data_dir.path());
        command
    }
}

async fn count(pool: &PgPool, question: &'static str) -> i64 {
    sqlx::query_scalar(question).fetch_one(pool).await.unwrap()
}

async fn wait(pool: &PgPool, question: &'static str, wanted: i64) {
    let start = Instant::now();
    loop {
        let answer = count(pool, question).await;
        if answer == wanted {
            return;
        }
        assert!(
            start.elapsed() < Duration::from_secs(120),
            "{answer} instead of {wanted}: {question}"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_processes_of_which_one_after_the_other_is_killed_make_one_true_mirror() {
    let mut deployment = Deployment::start().await;
    for round in 0..6 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let which = round % PROCESSES;
        let killed = deployment.processes[which].take();
        killed.unwrap().kill().unwrap();
        tokio::time::sleep(Duration::from_millis(500)).await;
        deployment.run(which).await;
    }
    let pool = PgPool::connect(&deployment.url).await.unwrap();
    let loaded = "select count(*) from sync_run where kind = 'backfill' and status = 'succeeded'";
    wait(&pool, loaded, 1).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    for which in 0..PROCESSES {
        assert!(deployment.worked_off(which).await, "process {which} idled");
    }
    deployment.sim.set_traffic(0.0).await.unwrap();
    deployment.sim.idle(Duration::from_secs(60)).await.unwrap();
    wait(&pool, WAITING, 0).await;

    let verified = deployment.verify().assert().success();
    let found: serde_json::Value = serde_json::from_slice(&verified.get_output().stdout).unwrap();
    assert!(found[0]["drift"][0]["compared"].as_u64().unwrap() > 2_500);
    for (what, wrong) in [
        (
            "two runs of one kind at once",
            "select count(*) from sync_run a join sync_run b
                 on b.connection_id = a.connection_id and b.kind = a.kind and b.id > a.id
                and a.status <> 'interrupted' and b.status <> 'interrupted'
                and tstzrange(a.started_at, a.finished_at) && tstzrange(b.started_at, b.finished_at)",
        ),
        (
            "a write without its entries",
            "select abs((select count(*) from audit_entry) - (select count(*) from change_feed))",
        ),
        (
            "a deal is booked twice or never",
            "select count(*) from (select o.id from opportunity o left join transaction t on t.opportunity_id = o.id
              group by o.id, o.status having count(t.id) <> (o.status = 'won')::int) d",
        ),
        (
            "a dead letter",
            "select count(*) from event where state = 'dead'",
        ),
    ] {
        assert_eq!(count(&pool, wrong).await, 0, "{what}");
    }
    let refused = deployment.sim.refused().await.unwrap();
    assert!(refused <= 6, "Close refused {refused} requests");
}
