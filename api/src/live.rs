//! What commits change, as it happens: the feed, who follows it, and how old what was answered before may be.
//!
//! One session of each process listens to what Postgres tells of commits ([`listener`]). It wakes the one reader of the
//! feed ([`hub`]), which hands what is new to the topics: one for all subscribers that ask the same. A topic evaluates each
//! batch once ([`topic`]), and each subscriber reads on from its own place until it has caught up ([`subscriber`]).
//!
//! What was answered is kept ([`answers`]) until anything of its connections is told to have changed ([`stamps`]), where all
//! that it was read from tells of itself ([`kept`]). The same question is asked once at a time ([`flights`]).

pub(crate) mod answers;
mod beginning;
pub(crate) mod feed;
pub(crate) mod flights;
mod hub;
pub(crate) mod kept;
mod listener;
pub(crate) mod position;
mod question;
mod stamps;
mod subscriber;
mod topic;

use answers::Outcome;
pub(crate) use beginning::beginning;
pub(crate) use hub::Hub;
pub(crate) use question::{Failure, Question};
pub(crate) use subscriber::{Subscriber, Told};

/// Gauge of the subscriptions that run.
pub(crate) const SUBSCRIPTIONS: &str = "closegraph_api_subscriptions";
/// Gauge: 1 while the process hears of commits.
pub(crate) const LISTENING: &str = "closegraph_api_feed_listening";

pub use kept::UNTOLD;

/// Describes the metrics of what is live.
pub(crate) fn describe_metrics() {
    metrics::describe_gauge!(SUBSCRIPTIONS, "GraphQL subscriptions that run.");
    metrics::describe_gauge!(LISTENING, "1 while this process hears of commits.");
    metrics::describe_counter!(
        answers::ANSWERS,
        "GraphQL queries, by what the cache had: hit, miss or bypass."
    );
    for outcome in [Outcome::Hit, Outcome::Miss, Outcome::Bypass] {
        metrics::counter!(answers::ANSWERS, "result" => outcome.as_str()).increment(0);
    }
    metrics::describe_counter!(
        answers::EVICTIONS,
        "Answers that the cache let go for want of room."
    );
    metrics::counter!(answers::EVICTIONS).increment(0);
}
