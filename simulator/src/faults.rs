//! What can go wrong on purpose, switchable at the start and while running.

use serde::{Deserialize, Serialize};

/// Probabilities are from 0.0 (never, the default) to 1.0 (always) and seeded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// That a request starts a burst of 429 answers.
    pub too_many_requests: f64,
    /// Answers in such a burst.
    pub burst_length: u32,
    /// That a request is answered 500, 502 or 503.
    pub server_errors: f64,
    /// That the connection breaks before an answer.
    pub resets: f64,
    /// That the answer's body ends halfway.
    pub truncations: f64,
    /// That the answer's JSON ends halfway in an answer that is whole for HTTP.
    pub half_answers: f64,
    /// That an answer waits [`Self::slow_ms`].
    pub slow: f64,
    /// Milliseconds.
    pub slow_ms: u64,
    /// That a search or event cursor counts as expired.
    pub expired_cursors: f64,
    /// The legacy `query` of `/lead/` is refused with 400, so that only search serves.
    pub refuse_lead_query: bool,
    /// A search for custom activities is refused with 400, as of a type that nobody knows.
    pub refuse_activity_search: bool,
    /// Leads come without embedded contacts and opportunities.
    pub omit_embedded: bool,
    /// Milliseconds by which lists and search lag behind writes; a GET by id right after a
    /// DELETE still answers for as long. Close itself: 30 to 60 s.
    pub read_lag_ms: u64,
    /// That a webhook delivery is never made.
    pub webhook_drops: f64,
    /// That a webhook delivery is made twice.
    pub webhook_duplicates: f64,
    /// That a webhook delivery waits up to [`Self::webhook_disorder_ms`] longer than its turn.
    pub webhook_disorder: f64,
    /// Milliseconds.
    pub webhook_disorder_ms: u64,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            too_many_requests: 0.0,
            burst_length: 3,
            server_errors: 0.0,
            resets: 0.0,
            truncations: 0.0,
            half_answers: 0.0,
            slow: 0.0,
            slow_ms: 2_000,
            expired_cursors: 0.0,
            refuse_lead_query: false,
            refuse_activity_search: false,
            omit_embedded: false,
            read_lag_ms: 0,
            webhook_drops: 0.0,
            webhook_duplicates: 0.0,
            webhook_disorder: 0.0,
            webhook_disorder_ms: 2_000,
        }
    }
}

impl Faults {
    /// The first probability that is not between 0 and 1, by its name.
    pub(crate) fn invalid(&self) -> Option<&'static str> {
        [
            ("too_many_requests", self.too_many_requests),
            ("server_errors", self.server_errors),
            ("resets", self.resets),
            ("truncations", self.truncations),
            ("half_answers", self.half_answers),
            ("slow", self.slow),
            ("expired_cursors", self.expired_cursors),
            ("webhook_drops", self.webhook_drops),
            ("webhook_duplicates", self.webhook_duplicates),
            ("webhook_disorder", self.webhook_disorder),
        ]
        .into_iter()
        .find(|(_, probability)| !(0.0..=1.0).contains(probability))
        .map(|(name, _)| name)
    }
}
