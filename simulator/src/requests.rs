//! What was asked of the simulator: counts by route, and the writes that came from outside.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;

use serde::Serialize;

use crate::app::lock;
use crate::world::moment::Moment;

const WRITES_KEPT: usize = 1_000;

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
