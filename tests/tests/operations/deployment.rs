//! A server and a simulated Close, both as processes.

use assert_cmd::Command;
use closegraph_tests::{CloseSim, DataDir, Serving, free_port, program, sign};
use serde_json::{Value, json};
use sqlx::PgPool;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Dropped in this order: the server, the simulator, then the Postgres that the server left.
pub(crate) struct Deployment {
    pub(crate) serving: Option<Serving>,
    pub(crate) sim: CloseSim,
    port: u16,
    pub(crate) data_dir: DataDir,
    pub(crate) pool: PgPool,
    http: reqwest::Client,
}

impl Deployment {
    /// Connects an organization with its webhook and waits for the first full load.
    pub(crate) async fn start(variables: &[(&str, &str)]) -> Self {
        let sim = CloseSim::start(&["--leads", "80", "--traffic", "0"]).unwrap();
        let data_dir = DataDir::new().unwrap();
        let port = free_port().unwrap();
        let serving = serve(&data_dir, &sim, port, variables).await;
        let pool = data_dir.connect().await.unwrap();
        let deployment = Self {
            serving: Some(serving),
            sim,
            port,
            data_dir,
            pool,
            http: reqwest::Client::new(),
        };
        let loaded =
            "select exists (select from sync_run where kind = 'backfill' and status = 'succeeded')";
        deployment.wait(loaded).await;
        deployment
    }

    /// Stops the server; its Postgres goes with it.
    pub(crate) async fn stop(&mut self) {
        self.pool.close().await;
        let serving = self.serving.take().unwrap();
        serving.stop(nix::sys::signal::Signal::SIGTERM).unwrap();
    }

    /// Starts the server again.
    pub(crate) async fn resume(&mut self, variables: &[(&str, &str)]) {
        self.serving = Some(serve(&self.data_dir, &self.sim, self.port, variables).await);
        self.pool = self.data_dir.connect().await.unwrap();
    }

    /// Lets people work in Close for a while, and waits until all of it is worked off.
    pub(crate) async fn traffic(&self, per_second: f64, span: Duration) {
        self.sim.set_traffic(per_second).await.unwrap();
        tokio::time::sleep(span).await;
        self.sim.set_traffic(0.0).await.unwrap();
        self.sim.idle(Duration::from_secs(60)).await.unwrap();
        self.wait(closegraph_tests::SETTLED).await;
    }

    /// Waits until a question to the database is answered with true.
    pub(crate) async fn wait(&self, question: &'static str) {
        let start = Instant::now();
        loop {
            let answer: Result<bool, _> = sqlx::query_scalar(question).fetch_one(&self.pool).await;
            if answer.unwrap() {
                return;
            }
            assert!(
                start.elapsed() < Duration::from_secs(60),
                "never true: {question}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub(crate) fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) async fn metrics(&self) -> String {
        let url = format!("{}/metrics", self.address());
        self.http
            .get(url)
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap()
    }

    pub(crate) async fn connection(&self) -> Uuid {
        let id = sqlx::query_scalar("select id from connection");
        id.fetch_one(&self.pool).await.unwrap()
    }

    /// Runs a command beside the server and answers what it printed.
    pub(crate) fn command(&self, args: &[&str]) -> String {
        let done = Command::new(program().unwrap())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("CLOSEGRAPH_POSTGRES_DATA_DIR", self.data_dir.path())
            .env("CLOSEGRAPH_LOG_FILTER", "warn")
            .args(args)
            .assert()
            .success();
        String::from_utf8(done.get_output().stdout.clone()).unwrap()
    }

    /// A token that may do all.
    pub(crate) fn token(&self) -> String {
        let said = self.command(&[
            "token", "create", "--name", "test", "--role", "admin", "--json",
        ]);
        let said: Value = serde_json::from_str(&said).unwrap();
        said["token"].as_str().unwrap().to_owned()
    }

    /// Asks GraphQL and answers all that it says.
    pub(crate) async fn ask(&self, token: &str, query: &str) -> Value {
        let url = format!("{}/graphql", self.address());
        let body = json!({ "query": query });
        let answer = self.http.post(url).bearer_auth(token).json(&body);
        answer.send().await.unwrap().json().await.unwrap()
    }

    /// Posts a delivery, signed as Close does or with another key, and answers the status.
    pub(crate) async fn deliver(&self, body: &str, well_signed: bool) -> u16 {
        let hooks = self.sim.control("webhooks").await.unwrap();
        let key = hooks["data"][0]["signature_key"]
            .as_str()
            .unwrap()
            .to_owned();
        let key = if well_signed { key } else { "00".repeat(32) };
        let timestamp = chrono::Utc::now().timestamp().to_string();
        let hash = sign(&key, &timestamp, body.as_bytes()).unwrap();
        let url = format!(
            "{}/webhooks/close/{}",
            self.address(),
            self.connection().await
        );
        let request = self.http.post(url).body(body.to_owned());
        let request = request
            .header("close-sig-timestamp", timestamp)
            .header("close-sig-hash", hash)
            .header("x-request-id", "from-the-test");
        request.send().await.unwrap().status().as_u16()
    }
}

async fn serve(
    data_dir: &DataDir,
    sim: &CloseSim,
    port: u16,
    variables: &[(&str, &str)],
) -> Serving {
    let public_url = format!("http://127.0.0.1:{port}/");
    let mut all = vec![
        ("CLOSE_API_KEY", sim.api_key()),
        ("CLOSE_BASE_URL", sim.base_url()),
        ("CLOSEGRAPH_HTTP_PUBLIC_URL", public_url.as_str()),
        ("CLOSEGRAPH_SYNC_POLL_MS", "200"),
        ("CLOSEGRAPH_SYNC_CATCH_UP_S", "1"),
    ];
    all.extend(variables);
    let mut serving = Serving::start(data_dir, port, &all).unwrap();
    serving.ready().await.unwrap();
    serving
}
