//! What a request may cost. Each limit has an error code of its own, and stands in the configuration as `limits.…`.
//!
//! A document's text is counted before it is parsed (`http/text`), its fields before it is validated (`http/measure`),
//! and the rows that it could answer before it is executed (`http/cost`).

use serde::Deserialize;
use std::time::Duration;

/// Limits of a request, of a token and of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Bytes of a body. Code `BODY_LIMIT`, status 413.
    pub body_bytes: usize,
    /// Milliseconds that a body may take to arrive. Code `BODY_TIMEOUT`, status 408.
    pub body_ms: u64,
    /// Milliseconds that the head of a request may take to arrive, and that a connection may be idle; it is closed.
    pub head_ms: u64,
    /// Milliseconds that a request may take to be answered. Code `TIMEOUT`, status 503.
    pub request_ms: u64,
    /// Connections that are served at once; others wait to be accepted. One that became a WebSocket is not counted.
    pub connections: usize,

    /// Bytes of a document. Code `DOCUMENT_LIMIT`.
    pub document_bytes: usize,
    /// Words, numbers, texts and signs of a document. Code `TOKEN_LIMIT`.
    pub tokens: usize,
    /// Brackets inside brackets, of any kind. Code `NESTING_LIMIT`.
    pub nesting: usize,
    /// Operations of a document. Code `OPERATION_LIMIT`.
    pub operations: usize,
    /// Levels of fields, fragments spread. Code `DEPTH_LIMIT`.
    pub depth: u64,
    /// Fields in all, fragments spread: the height of a document. Code `FIELD_LIMIT`.
    pub fields: u64,
    /// Fields of an operation itself: each is a statement. Code `ROOT_FIELD_LIMIT`.
    pub root_fields: u64,
    /// Aliases in all, fragments spread. Code `ALIAS_LIMIT`.
    pub aliases: u64,
    /// Fragment definitions: they may spread each other as deep as that. Code `FRAGMENT_LIMIT`.
    pub fragments: usize,
    /// Spreads and inline fragments, fragments spread. Code `SPREAD_LIMIT`.
    pub spreads: u64,
    /// Directives as written. Code `DIRECTIVE_LIMIT`.
    pub directives: u64,
    /// Arguments of one field or directive. Code `ARGUMENT_LIMIT`.
    pub arguments: u64,
    /// Variables that an operation declares, and that a request brings. Code `VARIABLE_LIMIT`.
    pub variables: usize,
    /// Values in all variables, those inside lists and objects included. Code `VALUE_LIMIT`.
    pub values: usize,
    /// Lists and objects inside each other in a variable. Code `VALUE_NESTING_LIMIT`.
    pub value_nesting: usize,

    /// Rows that a request could answer, where its token has no budget of its own. Code `COST_LIMIT`.
    pub cost: u64,
    /// Requests a second of one token; 0: any number. Code `RATE_LIMITED`, status 429.
    pub requests_per_second: u32,
    /// Requests that a token may send at once after it was quiet; 0: as many as in a second.
    pub request_burst: u32,
    /// Rows that the requests of one token could answer in a minute; 0: any number. Code `RATE_LIMITED`, status 429.
    pub cost_per_minute: u32,
    /// Tokens that do not work, tried from one address in a minute; 0: any number. Code `RATE_LIMITED`, status 429.
    pub failures_per_minute: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 1024 * 1024,
            body_ms: 10_000,
            head_ms: 30_000,
            request_ms: 60_000,
            connections: 10_000,
            document_bytes: 64 * 1024,
            tokens: 4_000,
            nesting: 64,
            operations: 20,
            depth: 20,
            fields: 2_000,
            root_fields: 20,
            aliases: 200,
            fragments: 100,
            spreads: 1_000,
            directives: 100,
            arguments: 50,
            variables: 100,
            values: 10_000,
            value_nesting: 16,
            cost: 500_000,
            requests_per_second: 0,
            request_burst: 0,
            cost_per_minute: 0,
            failures_per_minute: 60,
        }
    }
}

impl Limits {
    pub(super) fn body_time(&self) -> Duration {
        Duration::from_millis(self.body_ms)
    }

    pub(super) fn request_time(&self) -> Duration {
        Duration::from_millis(self.request_ms)
    }
}

/// A limit that a request exceeds.
#[derive(Debug)]
pub(super) struct Exceeded {
    pub(super) code: &'static str,
    pub(super) message: String,
}

impl Exceeded {
    /// So many of something, and how many are allowed.
    pub(super) fn new(code: &'static str, what: &str, found: u64, allowed: u64) -> Self {
        Self {
            code,
            message: format!("the request has {found} {what}, at most {allowed} are allowed"),
        }
    }
}
