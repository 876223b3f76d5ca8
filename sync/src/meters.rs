//! The metrics of this crate: what each means, and the words that its labels can have. Counters stand at zero from the
//! start, so that the first increase is seen. `docs/operations/README.md` has the same table.

use metrics::{counter, describe_counter, describe_gauge, describe_histogram, histogram};

/// A counter, its label, the words of the label, and its meaning.
type Counter = (
    &'static str,
    &'static str,
    &'static [&'static str],
    &'static str,
);

const COUNTERS: &[Counter] = &[
    (
        "closegraph_events_total",
        "outcome",
        &["applied", "unchanged", "stale", "ignored", "failed", "dead"],
        "Events that were worked off, by what became of them; a failed attempt counts, too.",
    ),
    (
        "closegraph_events_refused_total",
        "reason",
        &["signature", "no_event", "too_large", "unavailable"],
        "Deliveries that were not answered with 200.",
    ),
    (
        "closegraph_close_requests_total",
        "outcome",
        &[
            "ok",
            "denied",
            "not_found",
            "limited",
            "refused",
            "failed",
            "no_answer",
        ],
        "Requests to Close, repetitions included.",
    ),
    (
        "closegraph_oauth_renewals_total",
        "outcome",
        &["renewed", "gone", "failed"],
        "Renewals of the access of connections by MCP.",
    ),
    (
        "closegraph_fact_reads_total",
        "outcome",
        &["succeeded", "failed"],
        "Readings of the facts of Postgres that the gauges show.",
    ),
];

/// Counters without a label.
const PLAIN: &[(&str, &str)] = &[
    (
        "closegraph_event_log_gaps_total",
        "Readings of the event log that came so late that events may be lost; everything was compared.",
    ),
    (
        "closegraph_subscription_repairs_total",
        "Webhook subscriptions that were not as they should be and were repaired.",
    ),
    (
        "closegraph_events_trimmed_total",
        "Bodies of events that the retention let go.",
    ),
    (
        "closegraph_events_deleted_total",
        "Rows of events that the retention let go.",
    ),
    (
        "closegraph_feed_deleted_total",
        "Entries of the feed that the retention let go.",
    ),
    (
        "closegraph_people_purged_total",
        "People deleted in Close whose personal data was removed.",
    ),
];

const HISTOGRAMS: &[(&str, &str)] = &[
    (
        "closegraph_apply_duration_seconds",
        "Time to work off a claimed batch of events, its commit included.",
    ),
    (
        "closegraph_close_limiter_wait_seconds",
        "Wait of each request to Close for its turn under the rate limit.",
    ),
];

const GAUGES: &[(&str, &str)] = &[
    (
        "closegraph_connections",
        "Connections by status; those that are disconnected are left out.",
    ),
    (
        "closegraph_connection_active",
        "Whether a connection is synced, 1 or 0.",
    ),
    (
        "closegraph_backfill_complete",
        "Whether the first full load of a connection is complete, 1 or 0.",
    ),
    (
        "closegraph_inbox_events",
        "Events in the inbox that are not finished, by state.",
    ),
    (
        "closegraph_inbox_lag_seconds",
        "Age of the oldest event that waits to be applied; 0 when none does.",
    ),
    (
        "closegraph_subscription_healthy",
        "Whether the webhook subscription is active and delivers, 1 or 0; absent where there is none.",
    ),
    (
        "closegraph_task_last_success_timestamp_seconds",
        "Unix time at which a task of a connection last succeeded; absent until it did.",
    ),
    (
        "closegraph_drift_records",
        "Differences that the last comparison with Close found, by kind; absent until there was one.",
    ),
];

/// Describes all metrics to the recorder and puts the counters at zero.
pub fn describe_metrics() {
    for (name, label, words, meaning) in COUNTERS {
        describe_counter!(*name, *meaning);
        for word in *words {
            counter!(*name, *label => *word).increment(0);
        }
    }
    for (name, meaning) in PLAIN {
        describe_counter!(*name, *meaning);
        counter!(*name).increment(0);
    }
    let received = "closegraph_events_received_total";
    describe_counter!(
        received,
        "Events that arrived, by the way they came; a duplicate was known already."
    );
    for origin in ["webhook", "event_log"] {
        for outcome in ["stored", "ignored", "duplicate"] {
            counter!(received, "origin" => origin, "outcome" => outcome).increment(0);
        }
    }
    let tasks = "closegraph_tasks_total";
    describe_counter!(
        tasks,
        "Runs of the tasks of the schedule, by how they ended."
    );
    for task in [
        "catch_up",
        "sweep",
        "verify",
        "settings",
        "backfill",
        "remap",
        "subscription",
        "poll",
    ] {
        for outcome in ["succeeded", "failed"] {
            counter!(tasks, "task" => task, "outcome" => outcome).increment(0);
        }
    }
    for (name, meaning) in HISTOGRAMS {
        describe_histogram!(*name, *meaning);
        drop(histogram!(*name));
    }
    for (name, meaning) in GAUGES {
        describe_gauge!(*name, *meaning);
    }
}
