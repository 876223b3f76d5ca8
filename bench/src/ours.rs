//! Closegraph's own server for measurements.

use crate::load::Target;
use anyhow::{Context, ensure};
use closegraph_tests::{DataDir, Database, Serving, free_port};
use serde_json::Value;
use std::process::Command;

/// `closegraph serve` over a database, and a token of it.
pub(crate) struct Ours {
    server: Serving,
    token: String,
    _data_dir: DataDir,
}

impl Ours {
    /// `cache_bytes` is the memory for kept answers, `sessions` the size of its pool: the database has 60 for all.
    pub(crate) async fn start(
        database: &Database,
        cache_bytes: &str,
        sessions: &str,
    ) -> anyhow::Result<Self> {
        let data_dir = DataDir::new()?;
        let mut create = Command::new(closegraph_tests::program()?);
        create
            .args(["token", "create", "--name", "bench", "--json"])
            .env("DATABASE_URL", database.url());
        let made = create.output()?;
        ensure!(made.status.success(), "no token: {made:?}");
        let made: Value = serde_json::from_slice(&made.stdout)?;
        let token = made.get("token").and_then(Value::as_str);
        let token = token.with_context(|| format!("no token in {made}"))?;
        let (command, port) = (Command::new(closegraph_tests::program()?), free_port()?);
        let listen = format!("127.0.0.1:{port}");
        let variables = [
            ("DATABASE_URL", database.url()),
            ("CLOSEGRAPH_HTTP_LISTEN", &listen),
            ("CLOSEGRAPH_API_CACHE_BYTES", cache_bytes),
            ("CLOSEGRAPH_DATABASE_MAX_CONNECTIONS", sessions),
        ];
        let mut server = Serving::spawn_role(command, &data_dir, port, &variables, "api")?;
        server.ready().await?;
        Ok(Self {
            server,
            token: token.to_owned(),
            _data_dir: data_dir,
        })
    }

    /// A GraphQL request with the token.
    pub(crate) fn target(&self, body: &str) -> anyhow::Result<Target> {
        self.posting(&[body.to_owned()])
    }

    /// GraphQL requests with the token, in turn.
    pub(crate) fn posting(&self, bodies: &[String]) -> anyhow::Result<Target> {
        let url = format!("{}/graphql", self.server.address);
        Target::posting(&url, Some(&self.token), bodies)
    }

    /// Milliseconds of processor time that the server has taken so far.
    pub(crate) fn busy(&self) -> anyhow::Result<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.server.pid()))?;
        let (_, fields) = stat.rsplit_once(')').context("no name")?;
        let mut fields = fields.split_whitespace().skip(11);
        let mut ticks =
            || -> anyhow::Result<f64> { Ok(fields.next().context("no time")?.parse()?) };
        // A hundred a second, whatever the kernel counts in.
        Ok(10.0 * (ticks()? + ticks()?))
    }
}
