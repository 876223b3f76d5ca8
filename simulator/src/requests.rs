//! What was asked of the simulator: counts by route, and the writes that came from outside.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::extract::{MatchedPath, Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::Response;
use serde::Serialize;

use crate::app::{App, lock};
use crate::world::moment::Moment;

const WRITES_KEPT: usize = 1_000;
/// How Closegraph names itself.
const CLOSEGRAPH: &str = "closegraph/";

/// Kinds of requests that are in the file by now.
#[derive(Debug, Default)]
pub(crate) struct Kinds(Mutex<BTreeSet<String>>);

impl Kinds {
    /// Writes a kind that is new. What can't be written fails those who read the file.
    fn tell(&self, file: &Path, kind: String) {
        let mut known = lock(&self.0);
        if known.contains(&kind) {
            return;
        }
        let opened = File::options().create(true).append(true).open(file);
        let written = opened.and_then(|mut file| file.write_all(format!("{kind}\n").as_bytes()));
        if let Err(error) = written {
            tracing::error!(%error, file = %file.display(), "a kind of request can't be written");
        }
        known.insert(kind);
    }
}

/// Tells what Closegraph asks, whatever comes of it.
pub(crate) async fn tell(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if let Some(file) = &app.config.request_kinds {
        let agent = request.headers().get(header::USER_AGENT);
        let is_closegraph =
            agent.is_some_and(|agent| agent.as_bytes().starts_with(CLOSEGRAPH.as_bytes()));
        if is_closegraph {
            let path = request.extensions().get::<MatchedPath>();
            let path = path.map_or("(unknown path)", MatchedPath::as_str);
            app.kinds.tell(file, format!("{} {path}", request.method()));
        }
    }
    next.run(request).await
}

#[derive(Debug, Default)]
pub(crate) struct RequestLog(Mutex<Counted>);

/// The answer of `GET /_sim/requests`.
#[derive(Debug, Default, Clone, Serialize)]
pub(crate) struct Counted {
    total: u64,
    /// `"GET /lead/{id}/"` to how often.
    counts: BTreeMap<String, u64>,
    /// `"429"` to how often.
    statuses: BTreeMap<u16, u64>,
    /// The latest 1,000, oldest first; searches, tokens and calls of the MCP server, which has
    /// no tool that writes, are reads, webhook subscriptions are writes.
    writes: VecDeque<SeenWrite>,
}

#[derive(Debug, Clone, Serialize)]
struct SeenWrite {
    at: Moment,
    method: String,
    path: String,
    status: u16,
}

impl RequestLog {
    pub(crate) fn note(&self, at: Moment, method: &str, path: &str, template: &str, status: u16) {
        let mut counted = lock(&self.0);
        counted.total += 1;
        *counted.statuses.entry(status).or_default() += 1;
        *counted
            .counts
            .entry(format!("{method} {template}"))
            .or_default() += 1;
        let reads =
            matches!(template, "/data/search/" | "/mcp") || template.starts_with("/oauth2/");
        if method != "GET" && !reads {
            if counted.writes.len() == WRITES_KEPT {
                counted.writes.pop_front();
            }
            let (method, path) = (method.to_owned(), path.to_owned());
            counted.writes.push_back(SeenWrite {
                at,
                method,
                path,
                status,
            });
        }
    }

    pub(crate) fn all(&self) -> Counted {
        lock(&self.0).clone()
    }

    pub(crate) fn reset(&self) {
        *lock(&self.0) = Counted::default();
    }
}
